// pure: what of the packed command line goes into the Debian package: what runs, for one architecture.

/** Typings, source maps and papers: nothing that runs. Licences stay. */
const NOT_RUN = /\.(?:map|[cm]?ts|tsbuildinfo|ya?ml|html|zip|sh|md|markdown|txt|ico|h)$/i;
const LICENCE = /^(?:licen[cs]e|copying|notice)/i;
const NOT_RUN_FOLDERS: ReadonlySet<string> = new Set(['test', 'tests', 'bench', 'benchmarks', 'examples']);

/** `path`, of a file or a folder, is below the folder of the command line. Of prebuilt parts only those for `arch` and the GNU C library. */
export function runsHere(path: string, arch: NodeJS.Architecture): boolean {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.some((part) => part.startsWith('.') || NOT_RUN_FOLDERS.has(part))) return false;
  const prebuilds = parts.indexOf('prebuilds');
  if (prebuilds >= 0 && parts.length > prebuilds + 1) return parts[prebuilds + 1] === `linux-${arch}` && !name.includes('.musl.');
  const native = parts.indexOf('@node-datachannel');
  if (native >= 0 && parts.length > native + 1) return parts[native + 1] === `linux-${arch}-gnu`;
  return LICENCE.test(name) || !NOT_RUN.test(name);
}
