CREATE TABLE "changes" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "changes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"changed_at" timestamp(3) with time zone NOT NULL,
	"ci_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"source_id" integer,
	"change_type" text COLLATE "pg_c_utf8" NOT NULL,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"department" text COLLATE "pg_c_utf8",
	"actor" text COLLATE "pg_c_utf8",
	"request_id" text COLLATE "pg_c_utf8",
	"reason" text COLLATE "pg_c_utf8",
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"oversized" boolean DEFAULT false NOT NULL,
	"entries" jsonb DEFAULT '[]'::jsonb NOT NULL,
	CONSTRAINT "changes_changed_at_id_pk" PRIMARY KEY("changed_at","id")
) PARTITION BY RANGE ("changed_at");
--> statement-breakpoint
CREATE TABLE "configuration_items" (
	"ci_id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"source_id" integer,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"status_updated_at" timestamp(3) with time zone,
	"status" text COLLATE "pg_c_utf8" DEFAULT 'active' NOT NULL,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"department" text COLLATE "pg_c_utf8",
	"content_hash" "bytea" NOT NULL,
	"raw_data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "configuration_items_status_check" CHECK ("configuration_items"."status" in ('active', 'inactive', 'archived')),
	CONSTRAINT "configuration_items_raw_data_check" CHECK (jsonb_typeof("configuration_items"."raw_data") = 'object')
);
--> statement-breakpoint
CREATE TABLE "item_counts" (
	"n" integer NOT NULL,
	"source_id" integer,
	"status" text COLLATE "pg_c_utf8" NOT NULL,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"department" text COLLATE "pg_c_utf8"
);
--> statement-breakpoint
CREATE TABLE "source_records" (
	"ci_id" uuid NOT NULL,
	"last_seen" timestamp(3) with time zone NOT NULL,
	"source_id" integer,
	"live" boolean DEFAULT true NOT NULL,
	"ages" boolean DEFAULT true NOT NULL,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"content_hash" "bytea" NOT NULL,
	CONSTRAINT "source_records_identity_key" UNIQUE NULLS NOT DISTINCT("source_id","ci_type","namespace","name")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"tier" text COLLATE "pg_c_utf8" NOT NULL,
	"user_id" uuid,
	"key_hash" "bytea" NOT NULL,
	"pepper_id" text COLLATE "pg_c_utf8" NOT NULL,
	"last_four" text COLLATE "pg_c_utf8" NOT NULL,
	"scopes" jsonb,
	"rate_limit_per_minute" integer,
	"burst" integer,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone,
	CONSTRAINT "api_keys_key_hash_key" UNIQUE("key_hash"),
	CONSTRAINT "api_keys_tier_check" CHECK ("api_keys"."tier" in ('service', 'admin', 'readonly', 'user')),
	CONSTRAINT "api_keys_user_check" CHECK (("api_keys"."tier" = 'user') = ("api_keys"."user_id" is not null)),
	CONSTRAINT "api_keys_rate_limit_check" CHECK ("api_keys"."rate_limit_per_minute" > 0 and "api_keys"."burst" > 0)
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"role" text COLLATE "pg_c_utf8" DEFAULT 'viewer' NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_name_key" UNIQUE("name"),
	CONSTRAINT "users_role_check" CHECK ("users"."role" in ('admin', 'editor', 'viewer'))
);
--> statement-breakpoint
CREATE TABLE "ci_types" (
	"ci_type" text COLLATE "pg_c_utf8" PRIMARY KEY NOT NULL,
	"type_table" text COLLATE "pg_c_utf8" NOT NULL,
	"columns" jsonb NOT NULL,
	"has_metrics" boolean NOT NULL,
	"hidden_paths" text[] NOT NULL,
	"redacted_paths" text[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "job_runs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "job_runs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"job" text COLLATE "pg_c_utf8" NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"finished_at" timestamp(3) with time zone NOT NULL,
	"outcome" text COLLATE "pg_c_utf8" NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "job_runs_outcome_check" CHECK ("job_runs"."outcome" in ('succeeded', 'failed', 'skipped'))
);
--> statement-breakpoint
CREATE TABLE "lifecycle_settings" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "lifecycle_settings_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"ci_type" text COLLATE "pg_c_utf8",
	"namespace" text COLLATE "pg_c_utf8",
	"inactive_after_seconds" integer NOT NULL,
	"archive_after_seconds" integer NOT NULL,
	"purge_after_seconds" integer NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "lifecycle_settings_pattern_key" UNIQUE NULLS NOT DISTINCT("ci_type","namespace"),
	CONSTRAINT "lifecycle_settings_positive_check" CHECK ("lifecycle_settings"."inactive_after_seconds" > 0 and "lifecycle_settings"."archive_after_seconds" >= 0 and "lifecycle_settings"."purge_after_seconds" >= 0)
);
--> statement-breakpoint
CREATE TABLE "sources" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sources_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"collector_id" integer,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sources_collector_id_name_key" UNIQUE NULLS NOT DISTINCT("collector_id","name")
);
--> statement-breakpoint
ALTER TABLE "configuration_items" ADD CONSTRAINT "configuration_items_source_id_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "source_records" ADD CONSTRAINT "source_records_source_id_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "changes_ci_id_version_idx" ON "changes" USING btree ("ci_id","version","id");--> statement-breakpoint
CREATE INDEX "configuration_items_created_at_idx" ON "configuration_items" USING btree ("created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_status_created_at_idx" ON "configuration_items" USING btree ("status","created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_updated_at_idx" ON "configuration_items" USING btree ("updated_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_name_idx" ON "configuration_items" USING btree ("name","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_namespace_idx" ON "configuration_items" USING btree (coalesce("namespace", ''),"ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_namespace_created_at_idx" ON "configuration_items" USING btree ("namespace","created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_type_created_at_idx" ON "configuration_items" USING btree ("ci_type","created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_type_namespace_created_at_idx" ON "configuration_items" USING btree ("ci_type","namespace","created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_status_updated_at_idx" ON "configuration_items" USING btree (coalesce("status_updated_at", '-infinity'),"ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_not_active_idx" ON "configuration_items" USING btree ("status","status_updated_at") WHERE "configuration_items"."status" <> 'active';--> statement-breakpoint
CREATE INDEX "configuration_items_department_idx" ON "configuration_items" USING btree ("department","created_at","ci_id") WHERE "configuration_items"."department" is not null;--> statement-breakpoint
CREATE INDEX "configuration_items_source_id_idx" ON "configuration_items" USING btree ("source_id","created_at","ci_id");--> statement-breakpoint
CREATE INDEX "configuration_items_name_trigram_idx" ON "configuration_items" USING gin ("name" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "configuration_items_raw_data_idx" ON "configuration_items" USING gin ("raw_data" jsonb_path_ops);--> statement-breakpoint
CREATE INDEX "item_counts_status_type_idx" ON "item_counts" USING btree ("status","ci_type");--> statement-breakpoint
CREATE INDEX "source_records_ci_id_idx" ON "source_records" USING btree ("ci_id");--> statement-breakpoint
CREATE INDEX "source_records_last_seen_idx" ON "source_records" USING btree ("last_seen","ci_id");--> statement-breakpoint
CREATE INDEX "source_records_aging_last_seen_idx" ON "source_records" USING btree ("last_seen") WHERE "source_records"."live" and "source_records"."ages";--> statement-breakpoint
CREATE INDEX "api_keys_user_id_idx" ON "api_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "job_runs_job_started_at_idx" ON "job_runs" USING btree ("job","started_at");