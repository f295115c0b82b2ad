// The root is where node_modules is.
export default { turbopack: { root: new URL("..", import.meta.url).pathname } };
