// pure: the default route in the routing table of Linux.

export interface DefaultRoute {
  readonly interfaceName: string;
  readonly gateway: string;
}

/** RTF_UP | RTF_GATEWAY of linux/route.h. */
const GATEWAY_FLAGS = 0x3;

/** `010200C0`: the four bytes of the address as the machine's own number. */
function hostFromHex(hex: string, endianness: 'LE' | 'BE'): string | undefined {
  if (!/^[0-9A-Fa-f]{8}$/.test(hex)) return undefined;
  const bytes = [...Buffer.from(hex, 'hex')];
  return (endianness === 'LE' ? bytes.reverse() : bytes).join('.');
}

/** The default route with the lowest metric of `/proc/net/route`; undefined when there is none. Lines that are malformed are left out. */
export function parseRouteTable(text: string, endianness: 'LE' | 'BE'): DefaultRoute | undefined {
  const routes = text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [interfaceName = '', destination, gatewayHex = '', flags = '', , , metric = '', mask] = line.trim().split(/\s+/);
      const gateway = hostFromHex(gatewayHex, endianness);
      const isDefault = destination === '00000000' && mask === '00000000';
      if (!isDefault || gateway === undefined || (Number.parseInt(flags, 16) & GATEWAY_FLAGS) !== GATEWAY_FLAGS) return [];
      return [{ interfaceName, gateway, metric: Number(metric) }];
    });
  const [best] = routes.toSorted((a, b) => a.metric - b.metric);
  return best === undefined ? undefined : { interfaceName: best.interfaceName, gateway: best.gateway };
}
