// What the apps of test/bench/felt.ts do: a boot and a request that take a known amount of CPU time, which is PBKDF2 in each
// language, by the same library.
import { pbkdf2, pbkdf2Sync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const { BOOT_THREADS, BOOT_WORK, WORK } = process.env;

/** Burns CPU time in several threads, or waits for 300 ms, as for a database. */
export async function boot() {
  if (!BOOT_WORK) return sleep(300);
  const burn = () => promisify(pbkdf2)("boot", "salt", Number(BOOT_WORK), 32, "sha256");
  await Promise.all(Array.from({ length: Number(BOOT_THREADS) }, burn));
}

export function answer(response) {
  pbkdf2Sync("answer", "salt", Number(WORK), 32, "sha256");
  response.end(`Hello from pid ${process.pid}\n`);
}
