export default {
  // The root is where node_modules is.
  turbopack: { root: new URL("..", import.meta.url).pathname },
  // For `node .next/standalone/server.js`; a server of one's own and `next start` need only the rest of the build.
  output: "standalone",
};
