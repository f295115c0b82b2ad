// Output for a terminal: colours, and a line that is rewritten in place. Elsewhere it is plain text.

const { stdout, stderr } = process;

/** Colours for stdout; without one when it is no terminal, or NO_COLOR is set. */
export function paint(text: string, colour: "red" | "green" | "yellow" | "bold" | "dim"): string {
  if (!stdout.isTTY || process.env.NO_COLOR) return text;
  const code = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 }[colour];
  return `\x1b[${code}m${text}\x1b[0m`;
}

/** The terminal's width in characters; generous where there is none. */
export function width(): number {
  return stdout.isTTY ? stdout.columns : 200;
}

/** Cuts a line to the terminal's width. */
export function cut(line: string, columns = width()): string {
  return line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** A line on stderr that tells, ten times a second, how long something takes; on a terminal only. */
export class Progress {
  private readonly started = performance.now();
  private readonly timer: NodeJS.Timeout | undefined;
  private text = "";
  private frame = 0;

  constructor() {
    if (stderr.isTTY) this.timer = setInterval(() => this.draw(), 100);
  }

  show(text: string): void {
    this.text = text;
    if (this.timer) this.draw();
  }

  end(): void {
    if (!this.timer) return;
    clearInterval(this.timer);
    stderr.write("\r\x1b[K");
  }

  private draw(): void {
    const seconds = ((performance.now() - this.started) / 1000).toFixed(1);
    const line = `${FRAMES[this.frame++ % FRAMES.length]} ${seconds} s  ${this.text}`;
    stderr.write(`\r\x1b[K${cut(line, stderr.columns)}`);
  }
}
