// Prints what zerodown costs.

export function report(what: string, value: string, goal: string): void {
  console.log(`${what.padEnd(58)} ${value.padStart(14)}   ${goal}`.trimEnd());
}
