// driven: a stream of bytes that is wanted as a whole.
import { concatBytes } from './bytes.ts';

/** All that comes, in one; whoever calls has bounded how much that is. */
export async function collectBytes(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return concatBytes(...all);
}
