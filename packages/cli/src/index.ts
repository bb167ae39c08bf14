// driven: `import { createParticipant } from 'batchain'`: the library that the command line is built on (SH-16).
export {
  createParticipant,
  LocalApiClient,
  type LocalNode,
  type NodeEvent,
  type Participant,
  type ParticipantEventMap,
  type ParticipantOptions,
  VERSION,
} from '@batchain/participant';
export { BatChainError, ERROR_CODES, type ErrorCode, type Logger, type NodeId, toHex } from '@batchain/shared';
