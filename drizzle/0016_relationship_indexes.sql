CREATE INDEX "configuration_items_archived_idx" ON "configuration_items" USING btree ("ci_id") WHERE "configuration_items"."status" = 'archived';--> statement-breakpoint
CREATE INDEX "relationships_type_idx" ON "relationships" USING btree ("relationship_type","id");--> statement-breakpoint
CREATE INDEX "relationships_source_idx" ON "relationships" USING btree ("source_id","id");--> statement-breakpoint
CREATE INDEX "relationships_stated_idx" ON "relationships" USING btree ("id") WHERE not "relationships"."extracted";