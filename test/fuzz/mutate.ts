// Makes a new input from known ones.

/** @param random a whole number from 0 to below its argument */
export function mutate(inputs: readonly Buffer[], words: readonly string[], random: (below: number) => number): Buffer {
  const pick = <T>(list: readonly T[]) => list[random(list.length)]!;
  let data = pick(inputs);
  for (let rounds = 1 + random(4); rounds > 0; rounds--) {
    const at = random(data.length + 1);
    const end = at + random(data.length - at + 1);
    const put = (middle: Buffer, upTo = at) => Buffer.concat([data.subarray(0, at), middle, data.subarray(upTo)]);
    const changes = [
      () => put(Buffer.from(pick(words))),
      () => put(Buffer.from(pick(words)), end),
      () => put(Buffer.of(random(256))),
      () => put(Buffer.of(random(256)), at + 1),
      () => put(Buffer.alloc(0), end),
      () => put(data.subarray(at, end)),
      () => put(pick(inputs).subarray(0, random(64))),
    ];
    data = pick(changes)();
  }
  return data;
}
