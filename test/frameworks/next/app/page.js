// Next renders this page for each request.
export const dynamic = "force-dynamic";

export default function Page() {
  return <p>{`Hello from generation ${process.env.ZERODOWN_GENERATION}`}</p>;
}
