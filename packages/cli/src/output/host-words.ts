// pure: why a host did not do what was asked of it, in words instead of the codes of the wire.

const WORDS: Readonly<Record<string, string>> = {
  aborted: 'was not asked to the end',
  'bad-bytes': 'sent wrong bytes',
  'bad-receipt': 'signed what is not so',
  busy: 'is busy',
  closed: 'hung up',
  conflict: 'holds something else in that place',
  damaged: 'holds it damaged',
  'disk-full': 'has a full disk',
  error: 'can not be reached',
  'io-error': 'has trouble with its disk',
  leaving: 'is leaving the network',
  malformed: 'answers what makes no sense',
  'no-room': 'has no room',
  'not-dialable': 'has no address that can be reached from here',
  'not-held': 'does not hold it',
  'owner-share': 'gives no owner more than this',
  'read-only': 'takes nothing now: its disk failed',
  refused: 'is not running',
  stopped: 'is stopping',
  timeout: 'does not answer',
  'too-many-shards': 'takes no more shards',
  unreachable: 'can not be reached',
  'unsupported-verb': 'runs another version',
  'unsupported-extension': 'runs another version',
  'wrong-identity': 'is another computer now',
};

/** Undefined for what is no code: it has its own words. */
export function hostWords(code: string): string | undefined {
  return Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
}

/** The text with the code behind each short id in words: `26c6afb2 no-room` becomes `26c6afb2 has no room`. */
export function inWords(text: string): string {
  return text
    .replace(/\b([0-9a-f]{8}) refused \(([a-z-]+)\)/g, (all, id: string, code: string) =>
      hostWords(code) === undefined ? all : `${id} ${hostWords(code)}`,
    )
    .replace(/\b([0-9a-f]{8}) ([a-z]+(?:-[a-z]+)*)(?=$|,| and \d)/g, (_all, id: string, code: string) => `${id} ${hostWords(code) ?? code}`)
    .replace(/\(([a-z]+(?:-[a-z]+)*)\)/g, (all, code: string) => (hostWords(code) === undefined ? all : `(it ${hostWords(code)})`));
}
