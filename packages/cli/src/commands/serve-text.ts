// pure: what `serve http` and `start --http-port` say of storage over HTTP: where it is, and lines to paste.
import type { ServeReady } from '@batchain/participant/client';
import { formatAddress, isLoopbackHost } from '@batchain/shared';
import type { WarningHelp } from '../output/output.ts';
import { shellWord } from '../output/shell-word.ts';

/** The token goes through a pipe: an argument could be read by every user of the machine (T18). */
function curl({ tokenFile }: ServeReady): string {
  if (tokenFile === null) return 'curl';
  return `printf 'Authorization: Bearer %s' "$(cat ${shellWord(tokenFile)})" | curl -H @-`;
}

/** Lines that work as they stand in a shell of this machine. */
export function curlLines(ready: ServeReady): string[] {
  const { url } = ready;
  const call = curl(ready);
  return [
    `${call} -T holiday.jpg ${url}files/`,
    `${call} -o back.jpg ${url}files/holiday.jpg`,
    `${call} -X PUT -d 'hello' ${url}kv/greeting`,
    `${call} ${url}kv/greeting`,
    `${call} ${url}kv/`,
  ];
}

/** What a person should know before others connect. */
export function serveWarning({ host, port, tokenFile }: ServeReady): ({ readonly text: string } & WarningHelp) | undefined {
  if (isLoopbackHost(host)) return undefined;
  return {
    text: `HTTP on ${formatAddress({ host, port })} is not encrypted`,
    why: `who can listen on the way reads what is stored and fetched, and the token of ${tokenFile ?? 'the gateway'}`,
    fix: 'over networks that you do not trust let it listen on 127.0.0.1 and use an SSH tunnel or a TLS proxy',
  };
}
