// driven: work on a list with a bounded number of items at the same time.

/** The results in the order of the items. The first failure is thrown when all work under way has ended; no other begins. */
export async function mapInFlight<T, R>(items: readonly T[], inFlightMax: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const rest = items.entries();
  const failures: unknown[] = [];
  const run = async (): Promise<void> => {
    for (const [at, item] of rest) {
      if (failures.length > 0) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlightMax }, run));
  if (failures.length > 0) throw failures[0];
  return results;
}
