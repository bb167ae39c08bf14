// pure: what of the command line and the packages that it needs is shipped: in the tarball for npm, and in the Debian package.

/** Source maps without their sources, sources beside what was compiled from them, papers. Typings and licences stay. */
const UNUSED = /\.(?:map|tsbuildinfo|ya?ml|html|zip|sh|md|markdown|txt|ico|h)$|(?<!\.d)\.[cm]?ts$/i;
const TYPINGS = /\.d\.[cm]?ts$/;
const LICENCE = /^(?:licen[cs]e|copying|notice)/i;
const UNUSED_FOLDERS: ReadonlySet<string> = new Set(['test', 'tests', 'bench', 'benchmarks', 'examples']);

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What runs, or is compiled against. `path`, of a file or a folder, is below the folder of the command line. */
export function isUsed(path: string): boolean {
  const name = nameOf(path);
  if (path.split('/').some((part) => part.startsWith('.') || UNUSED_FOLDERS.has(part))) return false;
  return LICENCE.test(name) || !UNUSED.test(name);
}

/** What runs on Linux on this architecture. Of prebuilt parts only those for it and the GNU C library. */
export function runsHere(path: string, arch: NodeJS.Architecture): boolean {
  const parts = path.split('/');
  const prebuilds = parts.indexOf('prebuilds');
  if (prebuilds >= 0 && parts.length > prebuilds + 1) return parts[prebuilds + 1] === `linux-${arch}` && !path.includes('.musl.');
  const native = parts.indexOf('@node-datachannel');
  if (native >= 0 && parts.length > native + 1) return parts[native + 1] === `linux-${arch}-gnu`;
  return isUsed(path) && !TYPINGS.test(nameOf(path));
}
