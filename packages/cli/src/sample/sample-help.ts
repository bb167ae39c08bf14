// pure: what `batchain-sample` alone says.

/** Help for the verbs against the sample network. */
export function sampleHelp(): string[] {
  return [
    'batchain-sample: the verbs of batchain against the sample network of this computer',
    '',
    '  batchain sample                 start that network first, in another terminal',
    '  batchain-sample -u FILE         upload a file to it',
    '  batchain-sample -l              what was uploaded, and how it is',
    '  batchain-sample -d MANIFEST     download; the name that -l shows will do',
    '  batchain-sample status          and every other verb: batchain help',
    '',
    'Nothing of it touches your own node, and it goes when the network is stopped with Ctrl-C.',
  ];
}
