// driven: many questions, some at a time.

/** The answers in the order of the items; at most `atOnceMax` are being worked for. Rejects with the first failure. */
export async function someAtOnce<T, R>(items: readonly T[], atOnceMax: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const workOn = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, workOn));
  return results;
}
