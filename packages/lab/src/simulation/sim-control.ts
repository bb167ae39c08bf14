// pure: what a simulated laboratory is asked over its control socket, and how it answers: one line of JSON each.
import { z } from 'zod';
import { DELAY_MS_MAX, LAB_SIMULATED_MAX, LOSS_PERCENT_MAX, SIM_SPEED_MAX, SIM_WORDS_MAX } from '../limits.ts';

const count = z.int().min(1).max(LAB_SIMULATED_MAX);
const words = z.array(z.string().max(SIM_WORDS_MAX)).max(LAB_SIMULATED_MAX);
const delay = z.number().min(0).max(DELAY_MS_MAX);
const link = {
  lossPercent: z.number().min(0).max(LOSS_PERCENT_MAX).optional(),
  delayMs: z.tuple([delay, delay]).readonly().optional(),
};

export const simOrderSchema = z.strictObject({
  folder: z.string().min(1),
  nodes: count,
  ...link,
  nat: z.string().max(20),
  speed: z.number().positive().max(SIM_SPEED_MAX),
  seed: z.string().min(1).max(100),
  endsWithParent: z.boolean(),
});
export type SimOrder = z.infer<typeof simOrderSchema>;

export const simRequestSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('status') }),
  z.strictObject({ op: z.literal('up'), nodes: count.optional(), ...link }),
  z.strictObject({ op: z.literal('kill'), words }),
  z.strictObject({ op: z.literal('partition'), words }),
  z.strictObject({ op: z.literal('heal') }),
  z.strictObject({ op: z.literal('stop') }),
]);
export type SimRequest = z.infer<typeof simRequestSchema>;
