// TLS to a server of sessions: its certificate is verified, whatever the environment says.

import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";

/**
 * Begins to connect. The certificate must be for this host and of an authority that is trusted.
 * @param authority PEM of the one authority that is trusted; those that Node trusts unless given
 */
export function connectVerified(host: string, port: number, authority: Buffer | undefined): TLSSocket {
  return connect({
    host,
    port,
    // An address is no server name: the certificate must hold it as an address.
    ...(isIP(host) === 0 && { servername: host }),
    ...(authority && { ca: authority }),
    // Said here, so that no variable of the environment can turn it off.
    rejectUnauthorized: true,
  });
}
