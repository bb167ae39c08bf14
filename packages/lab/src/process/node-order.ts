// pure: what the process of a node is told when it is started, and the line with which it answers.
import type { DaemonReady } from '@batchain/participant';
import { BatChainError, ERROR_CODES, type ErrorCode } from '@batchain/shared';
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

const readySchema = z.object({ nodeId: z.string(), kad: z.string(), bat: z.string(), control: z.string(), joined: z.boolean() });

export type NodeReady = Pick<DaemonReady, 'nodeId' | 'kad' | 'bat' | 'control' | 'joined'>;

const errorSchema = z.object({ code: z.string(), what: z.string(), why: z.string(), fix: z.string() });
const lineSchema = z.union([z.object({ ready: readySchema }), z.object({ error: errorSchema })]);

export const readyLine = ({ nodeId, kad, bat, control, joined }: NodeReady): string =>
  `${JSON.stringify({ ready: { nodeId, kad, bat, control, joined } })}\n`;

export const errorLine = ({ code, what, why, fix }: BatChainError): string => `${JSON.stringify({ error: { code, what, why, fix } })}\n`;

/** Throws what kept the node from starting. */
export function readAnswer(line: string): NodeReady {
  const answer = lineSchema.parse(JSON.parse(line));
  if ('ready' in answer) return answer.ready;
  const { code, ...rest } = answer.error;
  throw new BatChainError(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'BAT_E_INTERNAL', rest);
}
