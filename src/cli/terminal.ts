// Output for a terminal: colours, a line that is rewritten in place, a screen that is redrawn. Elsewhere it is plain text.

import { cutText } from "./status/text-width.js";

const { stdout, stderr } = process;

/** One that knows no sequences, as in Emacs, has TERM=dumb. */
const isDumb = process.env.TERM === "dumb";

/** Whether what is on stdout can be drawn over. */
export const canRedraw = Boolean(stdout.isTTY) && !isDumb;

export type Paint = (text: string, colour: "red" | "green" | "yellow" | "bold" | "dim") => string;

/** Colours for stdout; none when it isn't a terminal, or a dumb one, or NO_COLOR is set. */
export const paint: Paint = (text, colour) => {
  if (!canRedraw || process.env.NO_COLOR) return text;
  const code = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 }[colour];
  return `\x1b[${code}m${text}\x1b[0m`;
};

/** The columns of the terminal behind stdout; `Infinity` where there is none. */
export function width(): number {
  // A terminal that was never told its size says 0.
  return stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

/** The lines of that terminal. */
export function rows(): number {
  return stdout.rows || 25;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** A line on stderr that tells, ten times a second, how long something takes; on a terminal only. */
export class Progress {
  private readonly started = performance.now();
  private readonly timer: NodeJS.Timeout | undefined;
  private text = "";
  private frame = 0;

  constructor() {
    if (stderr.isTTY && !isDumb) this.timer = setInterval(() => this.draw(), 100);
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
    stderr.write(`\r\x1b[K${cutText(line, stderr.columns || 80)}`);
  }
}

/** The whole terminal behind stdout, for what is drawn again and again. What was on it comes back at the end. */
export class Screen {
  /** @param redraw called when the terminal has another size, or nothing on it any more: it should call draw() */
  constructor(private readonly redraw: () => void) {
    this.enter();
    stdout.on("resize", redraw);
    process.on("SIGTSTP", this.suspend);
    process.on("SIGCONT", this.resume);
  }

  /** Draws lines that are no wider than the terminal; what doesn't fit below is left out. */
  draw(lines: readonly string[]): void {
    const visible = lines.slice(0, rows() - 1);
    // Each line is erased before it is written: after it, that would take the last column's character.
    stdout.write(`\x1b[H${visible.map(line => `\x1b[K${line}\n`).join("")}\x1b[J`);
  }

  end(): void {
    stdout.off("resize", this.redraw);
    process.off("SIGTSTP", this.suspend);
    process.off("SIGCONT", this.resume);
    this.leave();
  }

  private enter(): void {
    // The alternate screen, without a cursor.
    stdout.write("\x1b[?1049h\x1b[?25l");
  }

  private leave(): void {
    stdout.write("\x1b[?25h\x1b[?1049l");
  }

  private readonly suspend = () => {
    this.leave();
    process.kill(process.pid, "SIGSTOP");
  };

  private readonly resume = () => {
    this.enter();
    this.redraw();
  };
}
