export async function POST(request) {
  const { text } = await request.json();
  return new Response(`Hello from generation ${process.env.ZERODOWN_GENERATION}, ${text.length} characters`);
}
