// pure: the texts of the Debian package: control fields, changelog, copyright; and which architecture has which name.

/** Debian's names of the architectures that the native parts are prebuilt for. */
const DEBIAN_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Undefined where there are no native parts for Debian. */
export const debianArchitecture = (arch: NodeJS.Architecture): string | undefined => DEBIAN_ARCHITECTURES[arch];

/** `1.0.0-rc.1` comes before `1.0.0`, which Debian writes with a tilde. */
export const debianVersion = (version: string): string => version.replace('-', '~');

/** `>=20.19.0` -> `nodejs (>= 20.19)` */
export function nodeDependency(engines: string): string {
  const [, version] = /^>=(\d+\.\d+(?:\.[1-9]\d*)?)/.exec(engines) ?? [];
  if (version === undefined) throw new Error(`engines.node is ${engines}: not a lowest version`);
  return `nodejs (>= ${version})`;
}

/** The newest symbol version of the C library that one of the binaries wants: `2.30`. */
export function libcVersion(binaries: readonly Uint8Array[]): string {
  const minors = binaries.flatMap((bytes) =>
    Array.from(
      Buffer.from(bytes)
        .toString('latin1')
        .matchAll(/GLIBC_2\.(\d+)/g),
      ([, minor]) => Number(minor),
    ),
  );
  if (minors.length === 0) throw new Error('no native part is linked against the GNU C library');
  return `2.${Math.max(...minors)}`;
}

export interface ControlFields {
  readonly version: string;
  readonly architecture: string;
  readonly maintainer: string;
  readonly depends: readonly string[];
  readonly installedKib: number;
}

export function formatControl({ version, architecture, maintainer, depends, installedKib }: ControlFields): string {
  return [
    'Package: batchain',
    `Version: ${debianVersion(version)}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${installedKib}`,
    `Depends: ${depends.join(', ')}`,
    'Section: net',
    'Priority: optional',
    "Description: keep files on your friends' spare disks, encrypted and in pieces",
    ' A file is encrypted on this computer, cut into n shards of which any k restore',
    ' it, and spread over n hosts that are found through Kademlia: no server, no',
    ' account, no coin. Hosts prove in audits that they still hold their shards.',
    ' .',
    ' The package has the command line and a systemd unit for the user who wants to',
    ' take part: systemctl --user enable --now batchain',
    '',
  ].join('\n');
}

/** The top entry of CHANGELOG.md in the form of Debian's policy. */
export function formatChangelog(
  changelog: string,
  fields: { readonly version: string; readonly maintainer: string; readonly date: Date },
): string {
  const [, entry = ''] = changelog.split(/^## .*$/m);
  const items = entry
    .split(/^(?=- )/m)
    .filter((part) => part.startsWith('- '))
    .map((part) =>
      part
        .replace(/^###.*$/gm, '')
        .replace(/^- /, '')
        .trim()
        .replace(/\s*\n\s*/g, '\n    '),
    );
  if (items.length === 0) throw new Error('CHANGELOG.md has no entry at its top');
  const day = fields.date.toUTCString().replace('GMT', '+0000');
  return [
    `batchain (${debianVersion(fields.version)}) unstable; urgency=medium`,
    '',
    ...items.map((item) => `  * ${item}`),
    '',
    ` -- ${fields.maintainer}  ${day}`,
    '',
  ].join('\n');
}

/** Our own licence first, then those of everything that is shipped along. */
export const formatCopyright = (license: string, notice: string): string => `BatChain\n\n${license.trim()}\n\n${notice.trim()}\n`;
