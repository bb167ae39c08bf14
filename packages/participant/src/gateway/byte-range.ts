// pure: which part of a representation a Range header asks for (RFC 9110 section 14).

/** `end` is one past the last byte. */
export type RangeChoice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeChoice = { kind: 'whole' };
const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The whole where no range is asked for, where the header is malformed or of another unit, where it names several ranges (a server may
 * ignore it then), and of nothing: clients put a range on every request.
 */
export function chooseRange(header: string | undefined, totalBytes: number): RangeChoice {
  const [, first = '', last = ''] = ONE_RANGE.exec(header ?? '') ?? [];
  if ((first === '' && last === '') || totalBytes === 0) return WHOLE;
  if (first === '') {
    // The last bytes. More digits than a number holds are as good as all of them.
    const start = Math.max(0, totalBytes - Number(last));
    return start === totalBytes ? { kind: 'unsatisfiable' } : { kind: 'part', start, end: totalBytes };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return WHOLE;
  if (start >= totalBytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: last === '' ? totalBytes : Math.min(totalBytes, Number(last) + 1) };
}
