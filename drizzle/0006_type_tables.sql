CREATE TABLE "kubernetes_namespace" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"phase" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_node" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"unschedulable" boolean,
	"taints" jsonb,
	"pod_cidr" text,
	"provider_id" text,
	"addresses" jsonb,
	"kubelet_version" text,
	"container_runtime" text,
	"kernel_version" text,
	"os_image" text,
	"architecture" text,
	"cpu_capacity" text,
	"memory_capacity" text,
	"cpu_allocatable" text,
	"memory_allocatable" text,
	"pods_allocatable" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_pod" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"owner_references" jsonb,
	"node_name" text,
	"phase" text,
	"reason" text,
	"pod_ip" text,
	"host_ip" text,
	"host_network" boolean,
	"qos_class" text,
	"restart_policy" text,
	"service_account" text,
	"scheduler_name" text,
	"priority" integer,
	"priority_class" text,
	"start_time" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "kubernetes_deployment" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"desired_replicas" integer,
	"current_replicas" integer,
	"ready_replicas" integer,
	"available_replicas" integer,
	"unavailable_replicas" integer,
	"updated_replicas" integer,
	"paused" boolean,
	"strategy" text,
	"revision" integer,
	"match_labels" jsonb,
	"service_account" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_replicaset" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"owner_references" jsonb,
	"desired_replicas" integer,
	"current_replicas" integer,
	"ready_replicas" integer,
	"available_replicas" integer,
	"revision" integer,
	"pod_template_hash" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_statefulset" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"desired_replicas" integer,
	"current_replicas" integer,
	"ready_replicas" integer,
	"updated_replicas" integer,
	"service_name" text,
	"update_strategy" text,
	"current_revision" text,
	"update_revision" text,
	"match_labels" jsonb
);
--> statement-breakpoint
CREATE TABLE "kubernetes_daemonset" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"desired_scheduled" integer,
	"current_scheduled" integer,
	"updated_scheduled" integer,
	"ready_count" integer,
	"available_count" integer,
	"unavailable_count" integer,
	"misscheduled_count" integer,
	"update_strategy" text,
	"node_selector" jsonb
);
--> statement-breakpoint
CREATE TABLE "kubernetes_job" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"owner_references" jsonb,
	"parallelism" integer,
	"completions" integer,
	"backoff_limit" integer,
	"suspended" boolean,
	"active_pods" integer,
	"succeeded_pods" integer,
	"failed_pods" integer,
	"start_time" timestamp(3) with time zone,
	"completion_time" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "kubernetes_cronjob" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"schedule" text,
	"time_zone" text,
	"suspended" boolean,
	"concurrency_policy" text,
	"last_schedule_time" timestamp(3) with time zone,
	"last_successful_time" timestamp(3) with time zone,
	"active_jobs" jsonb
);
--> statement-breakpoint
CREATE TABLE "kubernetes_service" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"service_type" text,
	"cluster_ip" text,
	"external_name" text,
	"external_ips" jsonb,
	"load_balancer_ingress" jsonb,
	"ports" jsonb,
	"selector" jsonb,
	"session_affinity" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_ingress" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"ingress_class" text,
	"rules" jsonb,
	"tls" jsonb,
	"load_balancer_ingress" jsonb
);
--> statement-breakpoint
CREATE TABLE "kubernetes_configmap" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"immutable" boolean
);
--> statement-breakpoint
CREATE TABLE "kubernetes_secret" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"secret_type" text,
	"immutable" boolean
);
--> statement-breakpoint
CREATE TABLE "kubernetes_persistentvolume" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"phase" text,
	"capacity" text,
	"access_modes" jsonb,
	"volume_mode" text,
	"storage_class" text,
	"reclaim_policy" text,
	"claim_namespace" text,
	"claim_name" text,
	"csi_driver" text,
	"csi_volume_handle" text
);
--> statement-breakpoint
CREATE TABLE "kubernetes_persistentvolumeclaim" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"app_name" text,
	"creation_timestamp" timestamp(3) with time zone,
	"phase" text,
	"requested_storage" text,
	"capacity" text,
	"access_modes" jsonb,
	"volume_mode" text,
	"volume_name" text,
	"storage_class" text
);
--> statement-breakpoint
CREATE TABLE "postgresql_server" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"host" text,
	"port" integer,
	"server_version" text,
	"server_version_num" integer,
	"in_recovery" boolean,
	"system_identifier" text,
	"data_directory" text,
	"max_connections" integer,
	"shared_buffers" text,
	"wal_level" text,
	"ssl_enabled" boolean,
	"started_at" timestamp(3) with time zone,
	"replicas" jsonb,
	"connections" integer,
	"active_connections" integer,
	"total_size_bytes" bigint,
	"wal_bytes" bigint,
	"checkpoints_timed" bigint,
	"checkpoints_req" bigint,
	"buffers_alloc" bigint,
	"oldest_xid_age" bigint,
	"replication_lag_seconds" double precision,
	"uptime_seconds" bigint
);
--> statement-breakpoint
CREATE TABLE "postgresql_database" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"owner" text,
	"encoding" text,
	"collation_name" text,
	"tablespace" text,
	"allow_connections" boolean,
	"connection_limit" integer,
	"is_template" boolean,
	"extensions" jsonb,
	"size_bytes" bigint,
	"numbackends" integer,
	"xact_commit" bigint,
	"xact_rollback" bigint,
	"blks_read" bigint,
	"blks_hit" bigint,
	"tup_returned" bigint,
	"tup_fetched" bigint,
	"tup_inserted" bigint,
	"tup_updated" bigint,
	"tup_deleted" bigint,
	"conflicts" bigint,
	"deadlocks" bigint,
	"temp_files" bigint,
	"temp_bytes" bigint
);
--> statement-breakpoint
CREATE TABLE "postgresql_table" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"schema_name" text,
	"kind" text,
	"owner" text,
	"tablespace" text,
	"persistence" text,
	"row_security" boolean,
	"partition_of" text,
	"column_definitions" jsonb,
	"indexes" jsonb,
	"total_size_bytes" bigint,
	"table_size_bytes" bigint,
	"index_size_bytes" bigint,
	"estimated_row_count" bigint,
	"idx_scan" bigint,
	"idx_tup_fetch" bigint,
	"seq_scan" bigint,
	"seq_tup_read" bigint,
	"n_live_tup" bigint,
	"n_dead_tup" bigint,
	"n_tup_ins" bigint,
	"n_tup_upd" bigint,
	"n_tup_del" bigint,
	"n_tup_hot_upd" bigint,
	"last_vacuum" timestamp(3) with time zone,
	"last_autovacuum" timestamp(3) with time zone,
	"last_analyze" timestamp(3) with time zone,
	"last_autoanalyze" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "ceph_cluster" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"fsid" text,
	"health_status" text,
	"health_checks" jsonb,
	"ceph_version" text,
	"quorum_names" jsonb,
	"num_mons" integer,
	"num_osds" integer,
	"num_up_osds" integer,
	"num_in_osds" integer,
	"num_pools" integer,
	"num_pgs" integer,
	"active_mgr" text,
	"bytes_total" bigint,
	"bytes_used" bigint,
	"bytes_avail" bigint,
	"data_bytes" bigint,
	"num_objects" bigint,
	"read_bytes_sec" bigint,
	"write_bytes_sec" bigint,
	"read_op_per_sec" bigint,
	"write_op_per_sec" bigint,
	"degraded_ratio" double precision,
	"misplaced_ratio" double precision,
	"recovering_bytes_per_sec" bigint,
	"pgs_by_state" jsonb
);
--> statement-breakpoint
CREATE TABLE "ceph_mon" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"mon_rank" integer,
	"addr" text,
	"public_addr" text,
	"mon_state" text,
	"in_quorum" boolean,
	"hostname" text,
	"ceph_version" text,
	"kb_avail" bigint,
	"kb_used" bigint,
	"avail_percent" integer,
	"store_bytes_total" bigint,
	"latency_seconds" double precision,
	"skew_seconds" double precision
);
--> statement-breakpoint
CREATE TABLE "ceph_osd" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"osd_id" integer,
	"osd_uuid" text,
	"is_up" boolean,
	"is_in" boolean,
	"reweight" double precision,
	"crush_weight" double precision,
	"device_class" text,
	"hostname" text,
	"public_addr" text,
	"cluster_addr" text,
	"ceph_version" text,
	"objectstore" text,
	"devices" text,
	"kernel_version" text,
	"kb_total" bigint,
	"kb_used" bigint,
	"kb_avail" bigint,
	"utilization_percent" double precision,
	"variance" double precision,
	"pg_count" integer,
	"apply_latency_ms" double precision,
	"commit_latency_ms" double precision
);
--> statement-breakpoint
CREATE TABLE "ceph_pool" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"pool_id" integer,
	"pool_type" integer,
	"replica_size" integer,
	"min_size" integer,
	"pg_num" integer,
	"pgp_num" integer,
	"pg_autoscale_mode" text,
	"crush_rule" integer,
	"erasure_code_profile" text,
	"quota_max_bytes" bigint,
	"quota_max_objects" bigint,
	"flags_names" text,
	"applications" jsonb,
	"stored_bytes" bigint,
	"bytes_used" bigint,
	"percent_used" double precision,
	"max_avail_bytes" bigint,
	"objects" bigint,
	"read_ops" bigint,
	"read_bytes" bigint,
	"write_ops" bigint,
	"write_bytes" bigint,
	"read_bytes_sec" bigint,
	"write_bytes_sec" bigint,
	"read_op_per_sec" bigint,
	"write_op_per_sec" bigint
);
--> statement-breakpoint
CREATE TABLE "proxmox_cluster" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"quorate" boolean,
	"node_count" integer,
	"config_version" integer,
	"pve_version" text
);
--> statement-breakpoint
CREATE TABLE "proxmox_node" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"node_id" integer,
	"ip" text,
	"run_state" text,
	"cpu_count" integer,
	"memory_bytes" bigint,
	"disk_bytes" bigint,
	"cpu_model" text,
	"cpu_sockets" integer,
	"pve_version" text,
	"kernel_version" text,
	"subscription_level" text,
	"cpu_usage" double precision,
	"memory_used_bytes" bigint,
	"disk_used_bytes" bigint,
	"uptime_seconds" bigint,
	"load_average" jsonb,
	"memory_free_bytes" bigint,
	"swap_used_bytes" bigint,
	"io_wait" double precision
);
--> statement-breakpoint
CREATE TABLE "proxmox_vm" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"vmid" integer,
	"node_name" text,
	"power_state" text,
	"cpu_count" integer,
	"memory_bytes" bigint,
	"disk_bytes" bigint,
	"template" boolean,
	"pool_name" text,
	"tags" text,
	"ha_state" text,
	"os_type" text,
	"start_at_boot" boolean,
	"net0" text,
	"cores" integer,
	"sockets" integer,
	"boot_order" text,
	"agent_enabled" text,
	"scsi0" text,
	"cpu_usage" double precision,
	"memory_used_bytes" bigint,
	"disk_used_bytes" bigint,
	"uptime_seconds" bigint,
	"host_memory_bytes" bigint,
	"disk_read_bytes" bigint,
	"disk_write_bytes" bigint,
	"net_in_bytes" bigint,
	"net_out_bytes" bigint
);
--> statement-breakpoint
CREATE TABLE "proxmox_container" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"vmid" integer,
	"node_name" text,
	"power_state" text,
	"cpu_count" integer,
	"memory_bytes" bigint,
	"disk_bytes" bigint,
	"template" boolean,
	"pool_name" text,
	"tags" text,
	"ha_state" text,
	"os_type" text,
	"start_at_boot" boolean,
	"net0" text,
	"unprivileged" boolean,
	"rootfs" text,
	"hostname" text,
	"cpu_usage" double precision,
	"memory_used_bytes" bigint,
	"disk_used_bytes" bigint,
	"uptime_seconds" bigint,
	"host_memory_bytes" bigint,
	"disk_read_bytes" bigint,
	"disk_write_bytes" bigint,
	"net_in_bytes" bigint,
	"net_out_bytes" bigint,
	"swap_used_bytes" bigint
);
--> statement-breakpoint
CREATE TABLE "proxmox_storage" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"storage_id" text,
	"node_name" text,
	"availability" text,
	"plugin_type" text,
	"content_types" text,
	"shared" boolean,
	"ceph_pool" text,
	"size_bytes" bigint,
	"used_bytes" bigint
);
--> statement-breakpoint
CREATE TABLE "host" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"hostname" text,
	"fqdn" text,
	"ip" text,
	"mac" text,
	"os_name" text,
	"os_version" text,
	"os_family" text,
	"architecture" text,
	"kernel_version" text,
	"is_virtual" boolean,
	"virtualization" text,
	"manufacturer" text,
	"product_name" text,
	"serial_number" text,
	"bios_version" text,
	"cpu_count" integer,
	"cpu_models" jsonb,
	"memory_bytes" bigint,
	"timezone" text,
	"uptime_seconds" bigint,
	"load_1m" double precision,
	"load_5m" double precision,
	"load_15m" double precision,
	"memory_used_bytes" bigint,
	"memory_available_bytes" bigint,
	"swap_used_bytes" bigint
);
