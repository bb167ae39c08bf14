// driven: turns of the event loop with all microtasks drained in between; the one real thing that the simulator waits for.

/** Turns per pass of the event loop. Node drains ticks and microtasks between any two, so only the pass itself is saved. */
const TURNS_PER_PASS = 64;

/**
 * Calls `turn` again and again until it answers false. Before each call and after the last one every microtask is done,
 * however long the chain of promises. Rejects with what `turn` throws.
 */
export function runTurns(turn: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let end: (() => void) | undefined;
    const once = (): void => {
      if (end !== undefined) return;
      try {
        if (!turn()) end = resolve;
      } catch (error) {
        end = () => reject(error);
      }
    };
    const pass = (): void => {
      if (end !== undefined) {
        end();
        return;
      }
      for (let i = 0; i < TURNS_PER_PASS; i++) setImmediate(once);
      setImmediate(pass);
    };
    pass();
  });
}
