// pure: notes of a flow: what happens to all its segments at one time is told once.

/** Passes a note on unless it has passed the same before. */
export function saidOnce(onNote: ((note: string) => void) | undefined): (note: string) => void {
  const said = new Set<string>();
  return (note) => {
    if (said.has(note)) return;
    said.add(note);
    onNote?.(note);
  };
}
