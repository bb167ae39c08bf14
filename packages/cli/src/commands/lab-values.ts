// pure: the values of the laboratory's flags: loss in percent, a range of delays, a speed.
import { z } from 'zod';

function parsed<T>(parse: (text: string) => T | undefined, expected: string): z.ZodType<T> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const result = parse(String(value).trim());
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: `expected ${expected}` });
    return z.NEVER;
  }) as unknown as z.ZodType<T>;
}

const LOSS_PERCENT_MAX = 90;
const DELAY_MS_MAX = 10_000;
const SPEED_MAX = 1000;

/** `2` and `2%`. */
export const lossValue: z.ZodType<number> = parsed(
  (text) => (/^\d{1,2}(?:\.\d{1,3})?%?$/.test(text) && Number.parseFloat(text) <= LOSS_PERCENT_MAX ? Number.parseFloat(text) : undefined),
  `a share of 0 to ${LOSS_PERCENT_MAX} percent, such as 2%`,
);

/** `50`, `20..80`, `20ms..80ms`: milliseconds one way. */
export const delayValue: z.ZodType<readonly [number, number]> = parsed((text) => {
  const [, low, high = low] = /^(\d{1,5})(?:ms)?(?:\.\.(\d{1,5})(?:ms)?)?$/.exec(text) ?? [];
  const range = [Number(low), Number(high)] as const;
  return low !== undefined && range[0] <= range[1] && range[1] <= DELAY_MS_MAX ? range : undefined;
}, `milliseconds up to ${DELAY_MS_MAX}, such as 50 or 20..80`);

/** `1`, `0.5`, `10`. */
export const speedValue: z.ZodType<number> = parsed((text) => {
  const speed = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  return speed > 0 && speed <= SPEED_MAX ? speed : undefined;
}, `a number above 0, up to ${SPEED_MAX}`);
