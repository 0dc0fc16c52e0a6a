/* SPDX-License-Identifier: Apache-2.0 */
/* See versions.h and kwire/connection.h.  One block: the struct, its arrays, its names. */
#include "versions.h"

#include <string.h>

#include <kwire/api/api_versions.h>
#include <kwire/client.h>

#include "../base/error.h"

struct kwire_versions {
	size_t size; /* of the whole block */
	struct kwire_version_range *ranges;
	struct kwire_feature *supported;
	struct kwire_feature *finalized;
	int range_count;
	int supported_count;
	int finalized_count;
	int64_t finalized_epoch;
};

static size_t names_size(const struct kwire_api_versions_response *response)
{
	size_t size = 0;

	for (int32_t i = 0; i < response->supported_features.count; i++)
		size += (size_t)response->supported_features.items[i].name.size + 1;
	for (int32_t i = 0; i < response->finalized_features.count; i++)
		size += (size_t)response->finalized_features.items[i].name.size + 1;
	return size;
}

static struct kwire_string keep_name(char **names, struct kwire_string name)
{
	struct kwire_string kept = {*names, name.size};

	memcpy(*names, name.data, (size_t)name.size);
	(*names)[name.size] = '\0';
	*names += name.size + 1;
	return kept;
}

static size_t count_of(int32_t count)
{
	return count > 0 ? (size_t)count : 0;
}

struct kwire_versions *kw_versions_new(struct kw_memory *memory,
				       const struct kwire_api_versions_response *response)
{
	size_t ranges = count_of(response->api_keys.count);
	size_t supported = count_of(response->supported_features.count);
	size_t finalized = count_of(response->finalized_features.count);
	size_t size = sizeof(struct kwire_versions) + ranges * sizeof(struct kwire_version_range) +
		      (supported + finalized) * sizeof(struct kwire_feature) + names_size(response);
	struct kwire_versions *versions = kw_zalloc(memory, size);
	struct kwire_version_range *range;
	struct kwire_feature *feature;
	char *names;

	if (versions == NULL)
		return NULL;
	versions->size = size;
	versions->supported = (struct kwire_feature *)(versions + 1);
	versions->finalized = versions->supported + supported;
	versions->ranges = (struct kwire_version_range *)(versions->finalized + finalized);
	names = (char *)(versions->ranges + ranges);
	for (size_t i = 0; i < ranges; i++) {
		/* A range that ends before it begins offers nothing. */
		if (response->api_keys.items[i].min_version >
		    response->api_keys.items[i].max_version)
			continue;
		range = &versions->ranges[versions->range_count++];
		range->api_key = response->api_keys.items[i].api_key;
		range->min_version = response->api_keys.items[i].min_version;
		range->max_version = response->api_keys.items[i].max_version;
	}
	for (size_t i = 0; i < supported; i++) {
		feature = &versions->supported[versions->supported_count++];
		feature->name = keep_name(&names, response->supported_features.items[i].name);
		feature->min_level = response->supported_features.items[i].min_version;
		feature->max_level = response->supported_features.items[i].max_version;
	}
	for (size_t i = 0; i < finalized; i++) {
		feature = &versions->finalized[versions->finalized_count++];
		feature->name = keep_name(&names, response->finalized_features.items[i].name);
		feature->min_level = response->finalized_features.items[i].min_version_level;
		feature->max_level = response->finalized_features.items[i].max_version_level;
	}
	versions->finalized_epoch = response->finalized_features_epoch;
	return versions;
}

/* A pointer into `from` as one into `to`, its copy. */
static void *moved(const struct kwire_versions *from, struct kwire_versions *to,
		   const void *pointer)
{
	return (char *)to + ((const char *)pointer - (const char *)from);
}

struct kwire_versions *kw_versions_copy(const struct kwire_versions *versions,
					struct kw_memory *memory)
{
	struct kwire_versions *copy = kw_alloc(memory, versions->size);

	if (copy == NULL)
		return NULL;
	memcpy(copy, versions, versions->size);
	copy->ranges = moved(versions, copy, versions->ranges);
	copy->supported = moved(versions, copy, versions->supported);
	copy->finalized = moved(versions, copy, versions->finalized);
	for (int i = 0; i < copy->supported_count; i++)
		copy->supported[i].name.data = moved(versions, copy,
						     versions->supported[i].name.data);
	for (int i = 0; i < copy->finalized_count; i++)
		copy->finalized[i].name.data = moved(versions, copy,
						     versions->finalized[i].name.data);
	return copy;
}

void kwire_versions_free(struct kwire_versions *versions)
{
	kw_free(versions);
}

int kwire_versions_count(const struct kwire_versions *versions)
{
	return versions->range_count;
}

bool kwire_versions_at(const struct kwire_versions *versions, int index,
		       struct kwire_version_range *range)
{
	if (index < 0 || index >= versions->range_count)
		return false;
	*range = versions->ranges[index];
	return true;
}

bool kwire_versions_range(const struct kwire_versions *versions, int16_t api_key,
			  struct kwire_version_range *range)
{
	for (int i = 0; i < versions->range_count; i++)
		if (versions->ranges[i].api_key == api_key) {
			*range = versions->ranges[i];
			return true;
		}
	return false;
}

int kw_versions_negotiate(const struct kwire_versions *versions, const struct kwire_api *api,
			  int16_t min_version, int16_t max_version, bool unstable, int16_t *version,
			  struct kwire_error *error)
{
	int16_t newest = unstable ? api->max_version : api->latest_stable_version;
	int16_t low = min_version >= 0 ? min_version : api->min_version;
	int16_t high = max_version >= 0 ? max_version : newest;
	struct kwire_version_range broker;

	if (newest < 0)
		return kw_fail_in(error, KWIRE_EUNSUPPORTED, KWIRE_PHASE_VERSIONS,
				  "%s has no version that may be used: Kafka removed it",
				  api->name);
	if (low > high || low > newest || high < api->min_version)
		return kw_fail_in(
			error, KWIRE_EINVAL, KWIRE_PHASE_VERSIONS,
			"%s was asked for in versions %d to %d; this library has %d to %d",
			api->name, low, high, api->min_version, newest);
	if (!kwire_versions_range(versions, api->key, &broker))
		return kw_fail_in(
			error, KWIRE_EUNSUPPORTED, KWIRE_PHASE_VERSIONS,
			"the broker does not offer %s; this library has versions %d to %d",
			api->name, api->min_version, newest);
	if (low < api->min_version)
		low = api->min_version;
	if (low < broker.min_version)
		low = broker.min_version;
	if (high > newest)
		high = newest;
	if (high > broker.max_version)
		high = broker.max_version;
	if (low > high) {
		kw_fail_in(error, KWIRE_EUNSUPPORTED, KWIRE_PHASE_VERSIONS,
			   "no version of %s is common to both: the broker has %d to %d, "
			   "this library %d to %d",
			   api->name, broker.min_version, broker.max_version, api->min_version,
			   newest);
		if (min_version >= 0 || max_version >= 0)
			kw_error_add(error, ", and the call asked for %d to %d",
				     min_version >= 0 ? min_version : api->min_version,
				     max_version >= 0 ? max_version : newest);
		return KWIRE_EUNSUPPORTED;
	}
	*version = high;
	return KWIRE_OK;
}

int kwire_versions_negotiate(const struct kwire_versions *versions, const struct kwire_api *api,
			     int16_t *version, struct kwire_error *error)
{
	return kw_versions_negotiate(versions, api, -1, -1, false, version, error);
}

static bool feature_at(const struct kwire_feature *features, int count, int index,
		       struct kwire_feature *feature)
{
	if (index < 0 || index >= count)
		return false;
	*feature = features[index];
	return true;
}

bool kwire_versions_supported_feature(const struct kwire_versions *versions, int index,
				      struct kwire_feature *feature)
{
	return feature_at(versions->supported, versions->supported_count, index, feature);
}

bool kwire_versions_finalized_feature(const struct kwire_versions *versions, int index,
				      struct kwire_feature *feature)
{
	return feature_at(versions->finalized, versions->finalized_count, index, feature);
}

int64_t kwire_versions_finalized_epoch(const struct kwire_versions *versions)
{
	return versions->finalized_epoch;
}
