CREATE TABLE "relationship_declarations" (
	"ci_type" text COLLATE "pg_c_utf8" PRIMARY KEY NOT NULL,
	"relationships" jsonb NOT NULL,
	"roots" jsonb NOT NULL,
	"handles" jsonb NOT NULL,
	"crosses_sources" boolean NOT NULL,
	"is_related" boolean DEFAULT false NOT NULL,
	"reached_type" text COLLATE "pg_c_utf8",
	"reached_at" timestamp(3) with time zone,
	"reached_id" uuid
);
--> statement-breakpoint
CREATE TABLE "relationship_references" (
	"ci_id" uuid NOT NULL,
	"target_ci_id" uuid,
	"source_id" integer,
	"place" integer NOT NULL,
	"any_source" boolean NOT NULL,
	"selects_all" boolean NOT NULL,
	"namespace_rule" text COLLATE "pg_c_utf8" NOT NULL,
	"relationship_type" text COLLATE "pg_c_utf8" NOT NULL,
	"target_type" text COLLATE "pg_c_utf8" NOT NULL,
	"target_namespace" text COLLATE "pg_c_utf8",
	"target_name" text COLLATE "pg_c_utf8" NOT NULL,
	"selector" jsonb,
	"properties" jsonb NOT NULL,
	"field" text COLLATE "pg_c_utf8" NOT NULL,
	CONSTRAINT "relationship_references_rule_check" CHECK ("relationship_references"."namespace_rule" in ('exact', 'own_or_none', 'any'))
);
--> statement-breakpoint
CREATE TABLE "ceph_host" (
	"ci_id" uuid PRIMARY KEY NOT NULL,
	"bucket_id" integer,
	"bucket_type" text,
	"children" jsonb
);
--> statement-breakpoint
CREATE INDEX "relationship_references_ci_id_idx" ON "relationship_references" USING btree ("ci_id");--> statement-breakpoint
CREATE INDEX "relationship_references_target_idx" ON "relationship_references" USING btree ("target_type","target_name",coalesce("target_namespace", ''));--> statement-breakpoint
CREATE INDEX "relationship_references_anywhere_idx" ON "relationship_references" USING btree ("target_type","target_name") WHERE "relationship_references"."namespace_rule" = 'any';--> statement-breakpoint
CREATE INDEX "configuration_items_identity_idx" ON "configuration_items" USING btree ("ci_type","name",coalesce("namespace", ''));