// driven: `import { createParticipant } from 'batchain'`: the library that the command line is built on (SH-16).
export * from '@batchain/participant';
