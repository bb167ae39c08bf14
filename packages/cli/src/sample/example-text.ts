// pure: the example file of the sample network: long enough for several segments, the same on every machine.

const WORDS = ['file', 'segment', 'shard', 'host', 'owner', 'manifest', 'audit', 'proof', 'lease', 'receipt', 'key'] as const;
const LINES = 180;

/** About 12 KiB of plain sentences. */
export function makeExampleText(): string {
  const word = (at: number): string => WORDS[at % WORDS.length] as string;
  const lines = Array.from({ length: LINES }, (_, i) => {
    const number = String(i + 1).padStart(3, '0');
    return `${number}  The ${word(i * 3)} knows the ${word(i * 5 + 1)}, and no host knows the ${word(i * 7 + 2)}.`;
  });
  return ['The example file of the BatChain sample network.', '', ...lines, ''].join('\n');
}
