// pure: every error code of BatChain with its exit code, meaning and usual fix; the source of docs/ERRORS.md and `batchain explain`.

/** What is known of one error code. `exit` is the process exit code of the command line. */
export interface ErrorCodeInfo {
  readonly exit: number;
  readonly meaning: string;
  readonly cause: string;
  readonly fix: string;
}

const define = <T extends Record<string, ErrorCodeInfo>>(table: T): T => table;

/** The one table of error codes. Add a row here; `docs/ERRORS.md` is generated from it and a test compares them. */
export const ERROR_CODES = define({
  BAT_E_INTERNAL: {
    exit: 1,
    meaning: 'An invariant of BatChain itself was broken.',
    cause: 'A defect in BatChain.',
    fix: 'Run the command again with --debug and report what it prints.',
  },
  BAT_E_USAGE: {
    exit: 2,
    meaning: 'The command line, an environment variable or the config file is wrong.',
    cause: 'An unknown flag, a missing argument, or a value out of range.',
    fix: 'See the help of the command: `batchain help`.',
  },
  BAT_E_INTERRUPTED: {
    exit: 130,
    meaning: 'The work was cancelled before it was done; what was done so far is kept.',
    cause: 'Ctrl-C, or the caller aborted.',
    fix: 'Run the same command again; `put` and `get` go on where they were.',
  },
  BAT_E_TIMEOUT: {
    exit: 5,
    meaning: 'A deadline passed before the work was done.',
    cause: 'Slow or absent hosts, or too short a --timeout.',
    fix: 'Run the command again, or give a longer --timeout.',
  },
  BAT_E_FILE_NOT_FOUND: {
    exit: 4,
    meaning: 'The file to read is not there.',
    cause: 'A wrong path, or the file was moved.',
    fix: 'Check the path.',
  },
  BAT_E_NOT_A_FILE: {
    exit: 2,
    meaning: 'The path names a folder, a device, a pipe or something else that is no regular file.',
    cause: 'Only regular files can be stored.',
    fix: 'Name a regular file; pack a folder first, for example with `tar`.',
  },
  BAT_E_FILE_UNREADABLE: {
    exit: 4,
    meaning: 'The file is there but can not be read.',
    cause: 'Missing permission, or the disk reports an error.',
    fix: 'Check the permissions of the file.',
  },
  BAT_E_SOURCE_CHANGED: {
    exit: 3,
    meaning: 'The file changed while it was being uploaded; it was not stored.',
    cause: 'Another program wrote to it.',
    fix: 'Run the command again when the file is at rest; unchanged parts are not sent again.',
  },
  BAT_E_NOT_ENOUGH_PEERS: {
    exit: 6,
    meaning: 'Fewer hosts than the policy needs can take a shard; nothing was stored.',
    cause: 'Hosts are offline, full, or offer nothing.',
    fix: 'Wait for hosts, or choose a smaller policy with --policy KofN.',
  },
  BAT_E_LAST_MEMBER: {
    exit: 8,
    meaning: 'This node is the last one of its network that is there: what it keeps for others can go to nobody.',
    cause: 'All others are away, or there never were any.',
    fix: 'Wait for others, or let it end with this node: `batchain leave --yes`.',
  },
  BAT_E_TOO_FEW_SHARDS: {
    exit: 5,
    meaning: 'Fewer shards than needed can be reached right now.',
    cause: 'Hosts are offline, or no way leads to them.',
    fix: 'Try again when more hosts are online.',
  },
  BAT_E_UNRECOVERABLE: {
    exit: 7,
    meaning: 'All hosts answered and fewer right shards than needed are left.',
    cause: 'Hosts lost or damaged their shards.',
    fix: 'Restore the file from another copy and upload it again.',
  },
  BAT_E_CONTENT_MISMATCH: {
    exit: 7,
    meaning: 'The bytes that came back are not the file that the manifest names; nothing was written.',
    cause: 'The manifest was altered, or its maker stored something else.',
    fix: 'Use an unaltered copy of the manifest.',
  },
  BAT_E_TARGET_EXISTS: {
    exit: 8,
    meaning: 'Something of that name is there already; it was not touched.',
    cause: 'A file of that name is there.',
    fix: 'Choose another path with -o, or allow replacing it with --force.',
  },
  BAT_E_TARGET_UNWRITABLE: {
    exit: 8,
    meaning: 'The target can not be written.',
    cause: 'Missing permission, a missing folder, or a full disk.',
    fix: 'Check that the folder is there, can be written, and has free space.',
  },
  BAT_E_REF_NOT_FOUND: {
    exit: 4,
    meaning: 'No file of this home has that name or id, and no manifest is at that path.',
    cause: 'A typo, or a manifest that lies elsewhere.',
    fix: 'See your files: `batchain ls`.',
  },
  BAT_E_REF_AMBIGUOUS: {
    exit: 4,
    meaning: 'More than one file fits that name or id prefix.',
    cause: 'Names need not be unique.',
    fix: 'Name it by its id: `batchain ls` shows them.',
  },
  BAT_E_PEER_UNKNOWN: {
    exit: 4,
    meaning: 'No peer that this node remembers, or has met since it started, has that id, or more than one fits.',
    cause: 'A typo, a prefix that is too short, a node that was never met, or the id of this computer itself.',
    fix: 'See the peers and their whole ids: `batchain peers --json`.',
  },
  BAT_E_NO_ANSWER: {
    exit: 5,
    meaning: 'No participant of this network answered there; nothing was changed.',
    cause: 'A wrong address or port, a computer that is off, a firewall between, or a participant of another network.',
    fix: 'Compare the address with the one that its status names there as kad, and try again.',
  },
  BAT_E_NOT_OWNER: {
    exit: 8,
    meaning: 'The file belongs to somebody else; nothing was changed.',
    cause: 'Whoever has a manifest may read and audit a file; only its owner may remove it.',
    fix: 'Delete the manifest file alone, or ask the owner.',
  },
  BAT_E_PORT_IN_USE: {
    exit: 2,
    meaning: 'A port that BatChain was to listen on is taken.',
    cause: 'Another program, or another BatChain, listens on it.',
    fix: 'Stop the other one, or choose another port with --kad-port and --bat-port (0 = any).',
  },
  BAT_E_LISTEN_FAILED: {
    exit: 2,
    meaning: 'A port could not be opened, though nobody else has it.',
    cause: 'The address is not one of this machine, or the port needs more rights.',
    fix: 'Choose an address of this machine and a port above 1023.',
  },
  BAT_E_CONNECTION_CLOSED: {
    exit: 5,
    meaning: 'A connection or stream to another participant ended while it was in use.',
    cause: 'The other side stopped, the network broke, or one of both closed it.',
    fix: 'Run the command again: it resumes, and other hosts are tried.',
  },
  BAT_E_CONFIG: {
    exit: 2,
    meaning: 'The config file or an environment variable is wrong.',
    cause: 'A typo, an unknown setting, or a value out of range.',
    fix: 'Correct the place that the message names; flags come before both.',
  },
  BAT_E_NO_HOME: {
    exit: 10,
    meaning: 'There is no BatChain home here.',
    cause: 'This computer was not set up, or --home names another directory.',
    fix: 'Set it up: `batchain init`.',
  },
  BAT_E_HOME_EXISTS: {
    exit: 8,
    meaning: 'This home is set up already; nothing was changed.',
    cause: '`init` ran here before.',
    fix: 'Start it: `batchain start`; or choose another --home.',
  },
  BAT_E_HOME_IN_USE: {
    exit: 11,
    meaning: 'Another process uses this home.',
    cause: 'A daemon of this home runs already.',
    fix: 'Stop it first: `batchain stop`.',
  },
  BAT_E_HOME_UNUSABLE: {
    exit: 8,
    meaning: 'The home, or a part of it, can not be read or written.',
    cause: 'Missing permission, another owner, or a full disk.',
    fix: 'Check owner, permissions and free space of the path in the message.',
  },
  BAT_E_IDENTITY_EXPOSED: {
    exit: 8,
    meaning: 'The identity file can be read by other users, so it is not used.',
    cause: 'Its permissions were widened, for example by a copy.',
    fix: 'Narrow them with `chmod 600` to its owner.',
  },
  BAT_E_IDENTITY_DAMAGED: {
    exit: 12,
    meaning: 'The identity file is cut or altered.',
    cause: 'A disk fault, an interrupted copy, or an edit.',
    fix: 'Put back a copy of it, or move it away and run `batchain init` for a new identity.',
  },
  BAT_E_NO_DAEMON: {
    exit: 5,
    meaning: 'No daemon runs for this home.',
    cause: 'It was not started, or it was stopped.',
    fix: 'Start it: `batchain start`.',
  },
  BAT_E_NO_LAB: {
    exit: 5,
    meaning: 'No laboratory is up in this folder.',
    cause: 'It was not started, it was ended, or --home names another folder.',
    fix: 'Start one: `batchain lab up`.',
  },
  BAT_E_LAB_NODE_UNKNOWN: {
    exit: 4,
    meaning: 'The laboratory has no node of that name, or none in that state.',
    cause: 'A typo, or fewer nodes than expected.',
    fix: 'See its nodes: `batchain lab status`.',
  },
  BAT_E_DAEMON_LOST: {
    exit: 5,
    meaning: 'The daemon went away while it worked on the command.',
    cause: 'It was stopped or killed.',
    fix: 'Start it again with `batchain start` and repeat the command: it resumes.',
  },
  BAT_E_DAEMON_BUSY: {
    exit: 5,
    meaning: 'The daemon has as many jobs, requests or event streams as it takes at once.',
    cause: 'Many commands run at the same time.',
    fix: 'Repeat the command when one of them is done.',
  },
  BAT_E_BAD_REQUEST: {
    exit: 2,
    meaning: 'The local API does not take this request.',
    cause: 'A wrong path, method, content type or body.',
    fix: 'Compare it with the description of the local API; see which version answers: `batchain version`.',
  },
  BAT_E_FORBIDDEN: {
    exit: 8,
    meaning: 'The local API refused the request because of where it comes from.',
    cause: 'It bears an Origin, or names a host that is not the local one: a web page may be behind it.',
    fix: 'Use the command line, or a client on this machine that sends no Origin.',
  },
  BAT_E_TOKEN_REQUIRED: {
    exit: 8,
    meaning: 'Storage over HTTP refused the request: it bears no token, or a wrong one; nothing was done.',
    cause: 'Off this machine, and wherever a token file is named, every request needs the token.',
    fix: 'Send the header `Authorization: Bearer TOKEN`; the token lies in the file that `batchain serve http` named.',
  },
  BAT_E_JOB_NOT_FOUND: {
    exit: 4,
    meaning: 'The daemon knows no job of that id.',
    cause: 'It ended some time ago, or the daemon was restarted.',
    fix: 'Repeat the command.',
  },
  BAT_E_FILE_TOO_LARGE: {
    exit: 2,
    meaning: 'The file is larger than one manifest can describe; nothing was stored.',
    cause: 'More than 4,096 segments of 64 MiB, or more than 262,144 shards.',
    fix: 'Choose a policy with fewer shards, or cut the file in parts.',
  },
  BAT_E_MANIFEST_MALFORMED: {
    exit: 7,
    meaning: 'The manifest is not well-formed; nothing was fetched or written.',
    cause: 'It is damaged, cut short, was edited, or is no manifest.',
    fix: 'Use an unaltered copy of the manifest.',
  },
  BAT_E_MANIFEST_UNSUPPORTED: {
    exit: 7,
    meaning: 'The manifest asks for something that this version does not know; nothing was fetched or written.',
    cause: 'It was made by a newer version.',
    fix: 'Update BatChain.',
  },
  BAT_E_MANIFEST_SIGNATURE: {
    exit: 7,
    meaning: 'The signature or the access key of the manifest is wrong; nothing was fetched or written.',
    cause: 'Its roster was altered after the owner signed it, or parts of two manifests were mixed.',
    fix: 'Use an unaltered copy of the manifest.',
  },
  BAT_E_NODE_STOPPED: {
    exit: 5,
    meaning: 'The node was stopped before or while it did this.',
    cause: 'The daemon is shutting down, or the node was never started.',
    fix: 'Run the command again once `batchain status` answers.',
  },
  BAT_E_KAD_BUSY: {
    exit: 5,
    meaning: 'The node has more lookups or announcements waiting than it may keep.',
    cause: 'Very many lookups or announcements at the same time.',
    fix: 'Run the command again later.',
  },
  BAT_E_VALUE_SIZE: {
    exit: 2,
    meaning: 'A value for the network hash table, or its name, is too long or empty.',
    cause: 'Values have at most 896 bytes and names at most 32.',
    fix: 'Store larger values as a file with `batchain put`.',
  },
  BAT_E_VALUE_KEY: {
    exit: 2,
    meaning: 'This can not be the key of a value, or nothing can be put under it.',
    cause: 'Keys are 1 to 1,024 bytes of text; 64 hex digits name a value by its hash, which never changes.',
    fix: 'Choose another key.',
  },
  BAT_E_VALUE_NOT_FOUND: {
    exit: 4,
    meaning: 'There is no value under that key.',
    cause: 'It was never put, was removed, has expired, or lies in the other store (local or network).',
    fix: 'See your values, and those of the local store with --local: `batchain kv ls`.',
  },
  BAT_E_VALUE_TOO_LARGE: {
    exit: 2,
    meaning: 'The value is larger than can be kept this way, or than is handed out in one go; nothing was stored.',
    cause: 'Values have at most 4 GiB; whole ones are handed out up to 16 MiB.',
    fix: 'Store it as a file: `batchain put FILE`; read a large value with --file PATH.',
  },
  BAT_E_VALUE_UNFIT: {
    exit: 2,
    meaning: 'The value can not be kept as JSON without a change.',
    cause: 'Functions, dates, NaN and the like have no form in JSON, and some field names are not taken.',
    fix: 'Give JSON values only, or bytes: --raw.',
  },
  BAT_E_VALUE_BROKEN: {
    exit: 7,
    meaning: 'What was found under the key is not a value that its owner can have meant; nothing of it was used.',
    cause: 'Its owner stored something else under this name, with a newer version or with bad intent.',
    fix: 'Ask its owner to put it again; update BatChain if the owner has a newer version.',
  },
  BAT_E_VALUE_INCOMPLETE: {
    exit: 5,
    meaning: 'The record of the value was found, but a part of it can not be had now.',
    cause: 'The nodes that keep that part are offline, or its owner has not been there for two days.',
    fix: 'Try again later.',
  },
  BAT_E_VALUES_FULL: {
    exit: 8,
    meaning: 'No more values can be kept by this participant; nothing was stored.',
    cause: 'The number of values, of their pieces, or the bytes of the local store have reached their limit.',
    fix: 'Remove some: `batchain kv rm KEY`.',
  },
  BAT_E_NO_MEMBERS: {
    exit: 5,
    meaning: 'Nobody of the network answers, so there is nobody to ask or to store with.',
    cause: 'This computer is offline, or has not joined a network yet.',
    fix: 'See how this node stands: `batchain doctor`; or join: `batchain start --join HOST:PORT`.',
  },
  BAT_E_STORE_TOO_NEW: {
    exit: 8,
    meaning: 'The hosted shards were written by a later version of BatChain; nothing was touched.',
    cause: 'BatChain was replaced by an older version.',
    fix: 'Use the newer version again.',
  },
  BAT_E_STORE_DAMAGED: {
    exit: 7,
    meaning: 'The folder of the hosted shards is not the one that the index knows, or its format file is broken.',
    cause: 'A disk that is not mounted, or files that were moved by hand.',
    fix: 'Mount or restore the folder `hosted`; to begin with an empty store remove both `hosted` and `db`.',
  },
  BAT_E_STORE_UNREADABLE: {
    exit: 1,
    meaning: 'The disk did not let the hosted shards or their index be read or written.',
    cause: 'Missing permission, a full or failing disk.',
    fix: 'Check the disk and the permissions of the home.',
  },
});

export type ErrorCode = keyof typeof ERROR_CODES;

/** What each exit code of the command line means. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: 'all of it done',
  1: 'unexpected failure (a crash report was written)',
  2: 'usage or config error',
  3: 'done, but incomplete or degraded',
  4: 'no such file, manifest or peer',
  5: 'network or peers unreachable now; a retry may help',
  6: 'not enough peers or space for the policy; nothing was stored',
  7: 'integrity: audit failed, data damaged or unrecoverable',
  8: 'refused: quota, permission, something in the way',
  10: 'no BatChain home here',
  11: 'home in use by another process',
  12: 'wrong passphrase or key',
  130: 'interrupted by Ctrl-C (143: by SIGTERM); what was done is kept',
};
