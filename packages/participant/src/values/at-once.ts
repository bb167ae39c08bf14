// driven: work for each item, some at a time.

/** Rejects with the first failure, when what was begun has ended. */
export async function forEachAtOnce<T>(items: readonly T[], atOnceMax: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].reverse();
  let failure: { readonly error: unknown } | undefined;
  const workNext = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined && failure === undefined; item = rest.pop()) {
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, workNext));
  if (failure !== undefined) throw failure.error;
}
