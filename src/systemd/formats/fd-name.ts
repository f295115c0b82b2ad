/**
 * A name for LISTEN_FDNAMES, as FDNAME= in sd_notify(3) has it: up to 255 ASCII characters, no ":" and no control
 * characters.
 */
export function isFdName(text: string): boolean {
  return /^[\x20-\x39\x3b-\x7e]{0,255}$/.test(text);
}
