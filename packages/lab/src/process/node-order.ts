// pure: what the process of a node is told when it is started, and what it answers.
import { z } from 'zod';

const orderSchema = z.strictObject({
  folder: z.string().min(1),
  name: z.string().min(1),
  join: z.array(z.string()),
  /** It ends when its standard input does. */
  endsWithParent: z.boolean(),
});

export type NodeOrder = z.infer<typeof orderSchema>;

export function parseOrder(text: string | undefined): NodeOrder {
  return orderSchema.parse(JSON.parse(text ?? ''));
}

/** Where the node is. */
export const nodeReadySchema = z.object({ nodeId: z.string(), kad: z.string(), bat: z.string(), control: z.string() });
export type NodeReady = z.infer<typeof nodeReadySchema>;
