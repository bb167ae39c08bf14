// driven: which verb answers a request, and how long it may take.
import { LEAVE_TIMEOUT_MS, MULTI_TIMEOUT_MS, VERB_TIMEOUT_MS } from './shell-limits.ts';
import type { RequestKind, ShellRequest } from './shell-request.ts';
import type { VerbAnswer, VerbTools } from './verb-tools.ts';
import { answerHelp } from './verbs/help-verb.ts';
import { answerLeave } from './verbs/leave-verb.ts';
import {
  answerFind,
  answerJoin,
  answerListening,
  answerLocate,
  answerMulti,
  answerPeerDump,
  answerRoutes,
  answerSize,
} from './verbs/network-verbs.ts';
import { answerClear, answerList, answerLocalDump, answerTest } from './verbs/store-verbs.ts';
import { answerDelete, answerRead, answerWrite } from './verbs/value-verbs.ts';

/** Rejects with a BatChainError, or with the reason of the signal. */
export async function runRequest(request: ShellRequest, tools: VerbTools): Promise<VerbAnswer> {
  switch (request.kind) {
    case 'help':
      return answerHelp(request, tools);
    case 'listening':
      return answerListening(request, tools);
    case 'multi':
      return answerMulti(request, tools);
    case 'find':
      return answerFind(request, tools);
    case 'locate':
      return answerLocate(request, tools);
    case 'join':
      return answerJoin(request, tools);
    case 'leave':
      return answerLeave(request, tools);
    case 'size':
      return answerSize(request, tools);
    case 'routes':
      return answerRoutes(request, tools);
    case 'write':
      return answerWrite(request, tools);
    case 'read':
      return answerRead(request, tools);
    case 'delete':
      return answerDelete(request, tools);
    case 'local-dump':
      return answerLocalDump(request, tools);
    case 'peer-dump':
      return answerPeerDump(request, tools);
    case 'list':
      return answerList(request, tools);
    case 'test':
      return answerTest(request, tools);
    case 'clear':
      return answerClear(request, tools);
    case 'exit':
      return { fields: {}, text: [] };
  }
}

const TIMEOUTS: Partial<Readonly<Record<RequestKind, number>>> = { multi: MULTI_TIMEOUT_MS, leave: LEAVE_TIMEOUT_MS };

export function timeoutOf({ kind }: ShellRequest): number {
  return TIMEOUTS[kind] ?? VERB_TIMEOUT_MS;
}
