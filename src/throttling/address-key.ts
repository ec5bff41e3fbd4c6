import ipaddr from "ipaddr.js";

/** The length of a /64 prefix, in bytes. An internet provider gives each customer at least a /64. @see RFC 6177 */
const IPV6_PREFIX_BYTES = 8;

/**
 * Returns the key under which attempts or connections from an address are counted: the IPv4 address, or the /64 network
 * of an IPv6 address. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
 */
export function addressKey(address: string): string {
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return Buffer.from(parsed.toByteArray().slice(0, IPV6_PREFIX_BYTES)).toString("hex");
}
