import ipaddr from "ipaddr.js";

/** How much of an IPv6 address is one customer's. @see RFC 6177 */
const IPV6_PREFIX_BYTES = 8;

/** What counts as one address: an IPv4 address, also one that is written as IPv6; or a /64 network of IPv6. */
export function addressKey(address: string): string {
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return Buffer.from(parsed.toByteArray().slice(0, IPV6_PREFIX_BYTES)).toString("hex");
}
