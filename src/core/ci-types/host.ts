import { bigint, declareType, double, flag, integer, json, text } from "./columns.ts";
import type { CiTypeDeclaration } from "./declaration.ts";

/** A machine that tells about itself, in the words of Puppet's Facter. */
export const hostType: CiTypeDeclaration = declareType("host", {
  columns: {
    hostname: text("networking.hostname"),
    fqdn: text("networking.fqdn"),
    ip: text("networking.ip"),
    mac: text("networking.mac"),
    os_name: text("os.name"),
    os_version: text("os.release.full"),
    os_family: text("os.family"),
    architecture: text("os.architecture"),
    kernel_version: text("kernelrelease"),
    is_virtual: flag("is_virtual"),
    virtualization: text("virtual"),
    manufacturer: text("dmi.manufacturer"),
    product_name: text("dmi.product.name"),
    serial_number: text("dmi.product.serial_number"),
    bios_version: text("dmi.bios.version"),
    cpu_count: integer("processors.count"),
    cpu_models: json("processors.models"),
    memory_bytes: bigint("memory.system.total_bytes"),
    timezone: text("timezone"),
  },
  metrics: {
    uptime_seconds: bigint("system_uptime.seconds"),
    load_1m: double("load_averages.1m"),
    load_5m: double("load_averages.5m"),
    load_15m: double("load_averages.15m"),
    memory_used_bytes: bigint("memory.system.used_bytes"),
    memory_available_bytes: bigint("memory.system.available_bytes"),
    swap_used_bytes: bigint("memory.swap.used_bytes"),
  },
  // Facter tells each figure again in words. Mount points mix what is mounted with how full it is, temporary file systems
  // included; what is built in stays visible under disks and partitions. The clock speed follows the load.
  ignored: [
    "system_uptime.days",
    "system_uptime.hours",
    "system_uptime.uptime",
    "memory.system.available",
    "memory.system.used",
    "memory.system.capacity",
    "memory.swap.available",
    "memory.swap.available_bytes",
    "memory.swap.used",
    "memory.swap.capacity",
    "mountpoints",
    "processors.speed",
  ],
});
