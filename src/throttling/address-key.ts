import ipaddr from "ipaddr.js";

/** In bytes. An internet provider gives each customer at least a /64 network. @see RFC 6177 */
const IPV6_PREFIX_BYTES = 8;

/** Returns the IPv4 address, or the /64 network of an IPv6 address. For `::ffff:192.0.2.1`, returns `192.0.2.1`. */
export function addressKey(address: string): string {
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return Buffer.from(parsed.toByteArray().slice(0, IPV6_PREFIX_BYTES)).toString("hex");
}
