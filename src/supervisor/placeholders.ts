// What stands between braces in the command of a generation, and is put in when one of its processes starts: {generation},
// {fd:NAME} and the like. Everything else between braces is the app's own (awk '{print}', sh -c 'f() { …; }').

/** What stands for each in one process, as bytes (see linux/bytes.ts). Without `fd` that stays as it is. */
export interface Standing {
  readonly generation: string;
  /** The slot. */
  readonly worker: string;
  /** The real path of the working directory. */
  readonly release: string;
  /** The path of a directory that is this process's own. */
  readonly runtime: string;
  /** The number of the descriptor with that name; without one, of the first. */
  readonly fd?: (name: string | undefined) => string;
}

type Name = keyof Standing;

const NAMES: readonly Name[] = ["generation", "worker", "release", "runtime", "fd"];

/**
 * {word}, {word:argument}, or one of them in double braces. What follows a "$" is a shell's variable, and what is followed by "<"
 * or ">" is one that a shell is to put a descriptor in.
 */
const BRACED = /(?<!\$\{?)(?:\{(\{[A-Za-z]+(?::[^{}\s]*)?\})\}|\{[A-Za-z]+(?::[^{}\s]*)?\})(?![<>])/g;

/** @throws {Error} what `fd` throws */
export function putIn(text: string, standing: Standing): string {
  return text.replace(BRACED, (braced, doubled: string | undefined) => {
    if (doubled !== undefined) return isOurs(doubled) ? doubled : braced;
    const name = nameIn(braced);
    if (name === undefined) return braced;
    return name === "fd" ? (standing.fd?.(argumentIn(braced)) ?? braced) : standing[name];
  });
}

/** Writes a text so that it is itself again when all is put in. */
export function asItStands(text: string): string {
  return text.replace(BRACED, (braced, doubled) => (isOurs(doubled ?? braced) ? `{${braced}}` : braced));
}

/** For what something is put in. */
export function namesIn(text: string): Name[] {
  return [...text.matchAll(BRACED)].flatMap(([braced]) => nameIn(braced) ?? []);
}

/** Says what is wrong with the first that looks like a misspelt one; undefined where there is none. */
export function misspelt(text: string): string | undefined {
  const wrong = [...text.matchAll(BRACED)].find(([braced]) => whyWrong(braced) !== undefined);
  return wrong && `${whyWrong(wrong[0])}; {${wrong[0]}} stands for ${wrong[0]} itself`;
}

/** Whether it means something in single braces, right or misspelt. */
function isOurs(braced: string): boolean {
  return nameIn(braced) !== undefined || whyWrong(braced) !== undefined;
}

function nameIn(braced: string): Name | undefined {
  const [word, argument] = [wordIn(braced), argumentIn(braced)];
  // In JavaScript {fd:3} is an object.
  if (argument !== undefined) return word === "fd" && /\D/.test(argument) ? "fd" : undefined;
  return NAMES.find(name => name === word);
}

function wordIn(braced: string): string {
  return /\w*/.exec(braced.slice(1))![0];
}

function argumentIn(braced: string): string | undefined {
  return /:(.*)\}$/.exec(braced)?.[1];
}

function whyWrong(braced: string): string | undefined {
  const word = wordIn(braced).toLowerCase();
  const argument = argumentIn(braced);
  if (word === "fd" && argument === "") return `${braced} lacks the name of a descriptor`;
  if (argument !== undefined || nameIn(braced)) return undefined;
  // What has two letters may be anything.
  const meant = NAMES.find(name => (name === "fd" ? word === name : isOneEditFrom(word, name)));
  return meant && `${braced} looks like {${meant}}`;
}

/** Whether the same, or one letter too many, too few, another, or two in the wrong order. */
function isOneEditFrom(word: string, other: string): boolean {
  let same = 0;
  while (same < word.length && word[same] === other[same]) same++;
  const [ours, theirs] = [word.slice(same), other.slice(same)];
  const isSwapped = ours[0] === theirs[1] && ours[1] === theirs[0] && ours.slice(2) === theirs.slice(2);
  return isSwapped || [theirs, theirs.slice(1)].includes(ours.slice(1)) || ours === theirs.slice(1);
}
