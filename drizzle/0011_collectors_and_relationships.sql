CREATE TABLE "relationship_changes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "relationship_changes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"relationship_id" uuid NOT NULL,
	"source_ci_id" uuid NOT NULL,
	"target_ci_id" uuid NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	"source_id" integer,
	"change_type" text COLLATE "pg_c_utf8" NOT NULL,
	"relationship_type" text COLLATE "pg_c_utf8" NOT NULL,
	"actor" text COLLATE "pg_c_utf8",
	"request_id" text COLLATE "pg_c_utf8",
	"reason" text COLLATE "pg_c_utf8",
	"was" jsonb,
	"becomes" jsonb,
	CONSTRAINT "relationship_changes_type_check" CHECK ("relationship_changes"."change_type" in ('CREATED', 'UPDATED', 'REMOVED'))
);
--> statement-breakpoint
CREATE TABLE "relationships" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"source_ci_id" uuid NOT NULL,
	"target_ci_id" uuid NOT NULL,
	"source_id" integer,
	"first_seen" timestamp(3) with time zone NOT NULL,
	"last_seen" timestamp(3) with time zone NOT NULL,
	"extracted" boolean DEFAULT false NOT NULL,
	"confidence" real DEFAULT 1 NOT NULL,
	"relationship_type" text COLLATE "pg_c_utf8" NOT NULL,
	"properties" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"evidence" jsonb,
	CONSTRAINT "relationships_key" UNIQUE NULLS NOT DISTINCT("source_ci_id","relationship_type","target_ci_id","source_id","extracted"),
	CONSTRAINT "relationships_ends_check" CHECK ("relationships"."source_ci_id" <> "relationships"."target_ci_id"),
	CONSTRAINT "relationships_confidence_check" CHECK ("relationships"."confidence" between 0 and 1)
);
--> statement-breakpoint
CREATE TABLE "collectors" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "collectors_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" text COLLATE "pg_c_utf8" NOT NULL,
	"type" text COLLATE "pg_c_utf8" NOT NULL,
	"endpoint" text COLLATE "pg_c_utf8",
	"status" text COLLATE "pg_c_utf8" DEFAULT 'enabled' NOT NULL,
	"config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"schedule_config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"health_status" jsonb,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "collectors_name_type_key" UNIQUE("name","type"),
	CONSTRAINT "collectors_status_check" CHECK ("collectors"."status" in ('enabled', 'disabled'))
);
--> statement-breakpoint
CREATE TABLE "source_syncs" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"source_id" integer NOT NULL,
	"types" text[],
	"namespaces" text[],
	"opened_at" timestamp(3) with time zone NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"committed_at" timestamp(3) with time zone,
	"outcome" jsonb,
	"is_cancelled" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
ALTER TABLE "sources" DROP CONSTRAINT "sources_collector_id_name_key";--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "endpoint" text COLLATE "pg_c_utf8";--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "username" text COLLATE "pg_c_utf8";--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "status" text COLLATE "pg_c_utf8" DEFAULT 'enabled' NOT NULL;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "config" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "schedule_config" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "credentials" jsonb;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "health_status" jsonb;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "last_collection" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "last_error" text COLLATE "pg_c_utf8";--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "consecutive_errors" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "due_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "claimed_until" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "sources" ADD COLUMN "deleted_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "source_syncs" ADD CONSTRAINT "source_syncs_source_id_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "relationship_changes_source_idx" ON "relationship_changes" USING btree ("source_ci_id","id");--> statement-breakpoint
CREATE INDEX "relationship_changes_target_idx" ON "relationship_changes" USING btree ("target_ci_id","id");--> statement-breakpoint
CREATE INDEX "relationship_changes_changed_at_idx" ON "relationship_changes" USING btree ("changed_at");--> statement-breakpoint
CREATE INDEX "relationships_target_idx" ON "relationships" USING btree ("target_ci_id","relationship_type","source_ci_id");--> statement-breakpoint
CREATE INDEX "source_syncs_source_id_idx" ON "source_syncs" USING btree ("source_id","opened_at");--> statement-breakpoint
ALTER TABLE "sources" ADD CONSTRAINT "sources_collector_id_collectors_id_fk" FOREIGN KEY ("collector_id") REFERENCES "public"."collectors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "sources_collector_id_name_key" ON "sources" USING btree (coalesce("collector_id", 0),"name") WHERE "sources"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "sources_due_at_idx" ON "sources" USING btree ("due_at") WHERE "sources"."due_at" is not null;--> statement-breakpoint
CREATE INDEX "sources_deleted_idx" ON "sources" USING btree ("id") WHERE "sources"."deleted_at" is not null;--> statement-breakpoint
ALTER TABLE "sources" ADD CONSTRAINT "sources_status_check" CHECK ("sources"."status" in ('enabled', 'disabled'));