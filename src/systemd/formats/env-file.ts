// Files of environment variables, as EnvironmentFile= in systemd.exec(5) reads them.

import { toText } from "../../linux/bytes.js";

type Place = "line" | "comment" | "key" | "before" | "plain" | "escape" | "single" | "double" | "double-escape";

/** systemd takes these for blank: fewer characters than \s. */
const BLANK = " \t\n\r";

/**
 * Reads the assignments of such a file: one a line, `#` and `;` begin comments, values may be quoted, a backslash at
 * the end of a line continues it. Lines that assign nothing, or to what isn't a variable's name, are left out, as by
 * systemd.
 *
 * @param text a character for each byte, or for each character: both are understood
 * @param leaveOut called with what to say of a line that is left out
 */
export function parseEnvFile(text: string, leaveOut: (what: string) => void = () => {}): Record<string, string> {
  const variables: Record<string, string> = {};
  let line = 1;
  let firstLine = 1;
  let place: Place = "line";
  let key = "";
  let value = "";
  // So much of an unquoted value stays when the blanks at its end go.
  let kept = 0;

  const endLine = () => {
    const name = key.replace(/[ \t]+$/, "");
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) variables[name] = place === "plain" ? value.slice(0, kept) : value;
    else if (place !== "line" && place !== "comment") leaveOut(explain(firstLine, name));
    key = value = "";
    kept = 0;
    place = "line";
  };
  const add = (character: string) => {
    value += character;
    if (!BLANK.includes(character) || place !== "plain") kept = value.length;
  };

  for (const character of text) {
    const newline = character === "\n" || character === "\r";
    switch (place) {
      case "line":
        if (character === "#" || character === ";") place = "comment";
        else if (!BLANK.includes(character)) {
          place = "key";
          key = character;
          firstLine = line;
        }
        break;
      case "comment":
        // systemd 254 and later do the same; before that, a backslash continued a comment.
        if (newline) place = "line";
        break;
      case "key":
        if (newline) {
          leaveOut(`line ${firstLine} assigns nothing`);
          place = "line";
          key = "";
        } else if (character === "=") place = "before";
        else key += character;
        break;
      case "before":
        if (newline) endLine();
        else if (character === "'") place = "single";
        else if (character === '"') place = "double";
        else if (character === "\\") place = "escape";
        else if (!BLANK.includes(character)) {
          place = "plain";
          add(character);
        }
        break;
      case "plain":
        if (newline) endLine();
        else if (character === "\\") {
          place = "escape";
          // Blanks before a backslash are not at the end, whatever follows.
          kept = value.length;
        } else add(character);
        break;
      case "escape":
        if (!newline) add(character);
        place = "plain";
        break;
      case "single":
        if (character === "'") place = "before";
        else add(character);
        break;
      case "double":
        if (character === '"') place = "before";
        else if (character === "\\") place = "double-escape";
        else add(character);
        break;
      case "double-escape":
        place = "double";
        if ('"\\`$'.includes(character)) add(character);
        else if (character !== "\n") add(`\\${character}`);
        break;
    }
    if (character === "\n") line++;
  }
  if (place === "key") leaveOut(`line ${firstLine} assigns nothing`);
  else endLine();
  return variables;
}

/** Leaves the variable's value out, which may be a secret. */
function explain(line: number, name: string): string {
  const text = toText(name);
  const cure = /^export\s/.test(name) ? `, but "${text.replace(/^export\s+/, "")}" without "export" would be` : "";
  return `line ${line}: "${text}" isn't a variable's name${cure}`;
}
