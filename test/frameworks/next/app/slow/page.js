import { setTimeout as sleep } from "node:timers/promises";
import { Suspense } from "react";

export const dynamic = "force-dynamic";

async function Late() {
  await sleep(500);
  return <p>{`Hello from generation ${process.env.ZERODOWN_GENERATION}`}</p>;
}

/** The page's beginning is sent at once, the rest later. */
export default function Page() {
  return (
    <Suspense fallback={<p>Wait …</p>}>
      <Late />
    </Suspense>
  );
}
