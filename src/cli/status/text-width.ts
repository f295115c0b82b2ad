// How wide text is on a terminal, and cutting it there.

const characters = new Intl.Segmenter();

/** Takes no column of its own: it joins the character before it. */
const COMBINING = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]/u;
const NARROW_KATAKANA = /^[\uff61-\uff9f]/;
/** Takes two columns. */
const WIDE =
  /^(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji}\ufe0f)/u;

/** The columns that a text takes. */
export function textWidth(text: string): number {
  return [...characters.segment(text)].reduce((sum, { segment }) => sum + characterWidth(segment), 0);
}

/** Cuts a text that is wider than that many columns, and says so by an ellipsis. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let used = 1;
  let end = 0;
  for (const { segment, index } of characters.segment(text)) {
    used += characterWidth(segment);
    if (used > columns) break;
    end = index + segment.length;
  }
  return `${text.slice(0, end)}…`;
}

function characterWidth(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) && !NARROW_KATAKANA.test(character) ? 2 : 1;
}
