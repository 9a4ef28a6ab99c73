#include "data/recordings.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/source.h"
#include "data/wav.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/// The set has 3000 recordings of at most 2.3 s, 21 MB together; these bounds leave it room to grow and stop a bomb.
enum { RECORDINGS_MOST = 100000, RECORDING_BYTES_MOST = 2 * WAV_SAMPLES_MOST + 65536, ENTRIES_MOST = 1000000 };
static const size_t archive_most = (size_t)512 << 20;

static bool name_ends(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n > m && !strcmp(name + n - m, end);
}

/// DIGIT_SPEAKER_TAKE.wav into its parts. False for any other form.
static bool name_parse(Recording *recording, const char *file) {
  size_t length = strlen(file);
  if (length < 4 || length - 4 >= sizeof recording->name || !name_ends(file, ".wav"))
    return false;
  memcpy(recording->name, file, length - 4);
  recording->name[length - 4] = 0;
  const char *name = recording->name, *last = strrchr(name, '_');
  if (!isdigit((unsigned char)name[0]) || name[1] != '_' || last < name + 3)
    return false;
  for (const char *c = name + 2; c < last; c++)
    if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-' && *c != '_')
      return false;
  memcpy(recording->speaker, name + 2, (size_t)(last - name) - 2);
  recording->speaker[last - name - 2] = 0;
  recording->digit = name[0] - '0';
  const char *take = last + 1;
  size_t digits = strspn(take, "0123456789");
  if (digits < 1 || digits > 4 || take[digits] || (take[0] == '0' && digits > 1))
    return false;
  recording->take = (int)strtol(take, NULL, 10);
  return true;
}

/// Decodes one file and appends it. `place` names directory or archive.
static Status recording_add(Recordings *all, const char *file, const uint8_t *bytes, size_t size, const char *place) {
  Recording one = {0};
  if (!name_parse(&one, file))
    return status_error(EXIT_DATA, "%s/%.80s: the name has another form than DIGIT_SPEAKER_TAKE.wav", place, file);
  if (all->count >= RECORDINGS_MOST)
    return status_error(EXIT_DATA, "%s: more than %d recordings", place, RECORDINGS_MOST);
  if ((all->count & (all->count - 1)) == 0) { // room is the next power of two
    size_t room = all->count ? 2 * (size_t)all->count : 1;
    Recording *larger = realloc(all->recording, room * sizeof *larger);
    if (!larger)
      return status_error(EXIT_INTERNAL, "out of memory: %zu recordings", room);
    all->recording = larger;
  }
  char path[PATH_MAX];
  text_print(path, sizeof path, "%s/%s", place, file);
  TRY(wav_parse(&one.samples, &one.count, bytes, size, path));
  all->recording[all->count++] = one;
  return STATUS_OK;
}

static int recording_compare(const void *a, const void *b) {
  return strcmp(((const Recording *)a)->name, ((const Recording *)b)->name);
}

static Status recordings_sort(Recordings *all, const char *place) {
  if (!all->count)
    return status_error(EXIT_NO_INPUT, "%s: holds no recordings; expected DIGIT_SPEAKER_TAKE.wav files", place);
  qsort(all->recording, (size_t)all->count, sizeof *all->recording, recording_compare);
  for (int i = 1; i < all->count; i++)
    if (!recording_compare(&all->recording[i - 1], &all->recording[i]))
      return status_error(EXIT_DATA, "%s/%s.wav: is there twice", place, all->recording[i].name);
  return STATUS_OK;
}

/// One archive entry into buffer[most]; *size is what it holds. An entry that claims more is refused before it is read.
static Status entry_read(struct archive *archive, struct archive_entry *entry, uint8_t *buffer, size_t most,
                         size_t *size, const char *place) {
  const char *path = archive_entry_pathname(entry);
  int64_t declared = archive_entry_size(entry);
  if (declared < 0 || (uint64_t)declared > most)
    return status_error(EXIT_DATA, "%s/%.80s: has %lld bytes; %zu are the most for a spoken digit", place, path,
                        (long long)declared, most);
  *size = 0;
  while (*size < (size_t)declared) {
    la_ssize_t got = archive_read_data(archive, buffer + *size, (size_t)declared - *size);
    if (got < 0)
      return status_error(EXIT_DATA, "%s/%.80s: %s", place, path, archive_error_string(archive));
    if (got == 0)
      return status_error(EXIT_DATA, "%s/%.80s:%zu: ends here; %lld bytes were declared", place, path, *size,
                          (long long)declared);
    *size += (size_t)got;
  }
  return STATUS_OK;
}

static Status archive_walk(Recordings *all, struct archive *archive, uint8_t *buffer, const char *place) {
  struct archive_entry *entry;
  for (int entries = 0; entries < ENTRIES_MOST; entries++) {
    int code = archive_read_next_header(archive, &entry);
    if (code == ARCHIVE_EOF)
      return STATUS_OK;
    if (code != ARCHIVE_OK)
      return status_error(EXIT_DATA, "%s:%lld: %s", place, (long long)archive_read_header_position(archive),
                          archive_error_string(archive));
    const char *path = archive_entry_pathname(entry);
    if (!path)
      return status_error(EXIT_DATA, "%s:%lld: an entry without a name", place,
                          (long long)archive_read_header_position(archive));
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || file[0] == '.' ||
        !name_ends(file, ".wav"))
      continue;
    size_t size = 0;
    TRY(entry_read(archive, entry, buffer, RECORDING_BYTES_MOST, &size, place));
    TRY(recording_add(all, file, buffer, size, place));
  }
  return status_error(EXIT_DATA, "%s: more than %d entries", place, ENTRIES_MOST);
}

static Status tar_parse(Recordings *all, const uint8_t *tar, size_t size, const char *place) {
  struct archive *archive = archive_read_new();
  uint8_t *buffer = malloc(RECORDING_BYTES_MOST);
  Status status = STATUS_OK;
  if (!archive || !buffer)
    status = status_error(EXIT_INTERNAL, "out of memory: reading %s", place);
  else if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
           archive_read_open_memory(archive, tar, size) != ARCHIVE_OK)
    status = status_error(EXIT_DATA, "%s:0: is no tar archive (%s)", place, archive_error_string(archive));
  else
    status = archive_walk(all, archive, buffer, place);
  archive_read_free(archive);
  free(buffer);
  return status;
}

Status recordings_parse(Recordings *recordings, const uint8_t *bytes, size_t size, const char *name) {
  *recordings = (Recordings){.xxh64 = hash_bytes(bytes, size), .bytes = (int64_t)size};
  text_print(recordings->source, sizeof recordings->source, "recordings.tar.gz");
  // libarchive does not verify gzip checksums; the stream is unpacked here, where it must be whole and right.
  Source source;
  FileBytes tar;
  TRY(source_open(&source, bytes, size, name));
  Status status = source_take_rest(&source, &tar, archive_most);
  source_close(&source);
  if (status.code)
    return status;
  status = tar_parse(recordings, tar.bytes, tar.size, name);
  file_bytes_free(&tar);
  if (!status.code)
    status = recordings_sort(recordings, name);
  if (status.code)
    recordings_free(recordings);
  return status;
}

static int wav_wanted(const struct dirent *entry) {
  return entry->d_name[0] != '.' && name_ends(entry->d_name, ".wav");
}

static int name_compare(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static Status directory_add(Recordings *all, const char *directory, struct dirent **entry, int entries) {
  Hash hash;
  hash_init(&hash);
  Status status = STATUS_OK;
  for (int i = 0; i < entries && !status.code; i++) {
    char path[PATH_MAX];
    if (!text_print(path, sizeof path, "%s/%s", directory, entry[i]->d_name)) {
      status = status_error(EXIT_NO_INPUT, "%s: the name is too long", directory);
      break;
    }
    FileBytes file;
    status = file_bytes_read(&file, path, RECORDING_BYTES_MOST);
    if (status.code)
      break;
    hash_add(&hash, entry[i]->d_name, strlen(entry[i]->d_name) + 1);
    hash_add(&hash, file.bytes, file.size);
    all->bytes += (int64_t)file.size;
    status = recording_add(all, entry[i]->d_name, file.bytes, file.size, directory);
    file_bytes_free(&file);
  }
  all->xxh64 = hash_value(&hash);
  return status.code ? status : recordings_sort(all, directory);
}

/// Reads DIRECTORY/*.wav. *found = false where there is no directory or no such file in it.
static Status directory_read(Recordings *all, const char *directory, bool *found) {
  *found = false;
  struct stat about;
  if (stat(directory, &about))
    return errno == ENOENT || errno == ENOTDIR ? STATUS_OK
                                               : status_error(EXIT_NO_INPUT, "%s: %s", directory, strerror(errno));
  if (!S_ISDIR(about.st_mode))
    return STATUS_OK;
  struct dirent **entry;
  int entries = scandir(directory, &entry, wav_wanted, name_compare);
  if (entries < 0)
    return status_error(errno == ENOMEM ? EXIT_INTERNAL : EXIT_NO_INPUT, "%s: %s", directory, strerror(errno));
  *found = entries > 0;
  text_print(all->source, sizeof all->source, "*.wav");
  Status status = *found ? directory_add(all, directory, entry, entries) : STATUS_OK;
  for (int i = 0; i < entries; i++)
    free(entry[i]);
  free(entry);
  return status;
}

static Status recordings_read_any(Recordings *recordings, const char *directory) {
  char inner[PATH_MAX];
  if (!text_print(inner, sizeof inner, "%s/recordings.tar.gz", directory))
    return status_error(EXIT_NO_INPUT, "%s: the name is too long", directory);
  bool found;
  text_print(inner, sizeof inner, "%s/recordings", directory);
  TRY(directory_read(recordings, inner, &found));
  if (!found)
    TRY(directory_read(recordings, directory, &found));
  if (found)
    return STATUS_OK;
  text_print(inner, sizeof inner, "%s/recordings.tar.gz", directory);
  FileBytes file;
  Status status = file_bytes_read(&file, inner, archive_most);
  if (status.code == EXIT_NO_INPUT)
    return status_error(EXIT_NO_INPUT,
                        "%s: neither recordings/*.wav nor *.wav nor a readable recordings.tar.gz is there", directory);
  if (status.code)
    return status;
  status = recordings_parse(recordings, file.bytes, file.size, inner);
  file_bytes_free(&file);
  return status;
}

Status recordings_read(Recordings *recordings, const char *directory) {
  *recordings = (Recordings){0};
  Status status = recordings_read_any(recordings, directory);
  if (status.code)
    recordings_free(recordings);
  return status;
}

const Recording *recordings_find(const Recordings *recordings, int digit, const char *speaker, int take) {
  Recording key;
  text_print(key.name, sizeof key.name, "%d_%s_%d", digit, speaker, take);
  return bsearch(&key, recordings->recording, (size_t)recordings->count, sizeof key, recording_compare);
}

void recordings_free(Recordings *recordings) {
  for (int i = 0; i < recordings->count; i++)
    free(recordings->recording[i].samples);
  free(recordings->recording);
  *recordings = (Recordings){0};
}
