// driven: questions to a person, on a terminal only; on stderr, so that stdout stays the result.
import { createInterface } from 'node:readline/promises';
import type { CommandContext } from './command.ts';

/** True when there is somebody to ask and asking was not forbidden. */
export function canAsk({ io, globals }: Pick<CommandContext, 'io' | 'globals'>): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true && !globals['no-input'] && !globals.json;
}

/** The answer without its surrounding space; empty for the end of input. Rejects with the reason of an abort. */
export async function ask({ io, signal }: Pick<CommandContext, 'io' | 'signal'>, question: string): Promise<string> {
  const reader = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  try {
    const end = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
    const answer = await Promise.race([reader.question(question, { signal }), end]);
    return answer.trim();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    reader.close();
  }
}
