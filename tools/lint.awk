# Reads tools/rooms, then C sources; prints one line per finding. See tools/lint.

function report(text) {
  if (!allowed)
    print FILENAME ":" FNR ": " text
}

function read_table(    part, names, count, i) {
  if (/^#/ || !NF)
    return
  split($0, part, ":")
  gsub(/ /, "", part[1])
  room_known[part[1]] = 1
  room_sees[part[1], part[1]] = 1
  count = split(part[2], names, " ")
  for (i = 1; i <= count; i++) {
    if (!(names[i] in room_known))
      print FILENAME ":" FNR ": " part[1] " may not include " names[i] ": it does not stand above"
    room_sees[part[1], names[i]] = 1
  }
  foreign[part[1]] = part[3]
  everything = everything " " part[3]
}

function in_list(header, list,    names, count, i, stem) {
  count = split(list, names, " ")
  for (i = 1; i <= count; i++) {
    stem = names[i]
    if (stem ~ /[*\/]$/) {
      sub(/\*$/, "", stem)
      if (index(header, stem) == 1)
        return 1
    } else if (header == stem)
      return 1
  }
  return 0
}

function is_system(header) {
  return header ~ /^(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|tgmath|threads|time|uchar|wchar|wctype)\.h$/ ||
         header ~ /^(sys|linux|netinet|arpa)\// ||
         header ~ /^(dirent|dlfcn|execinfo|fcntl|fnmatch|ftw|getopt|glob|grp|langinfo|libgen|malloc|netdb|poll|pthread|pwd|regex|sched|semaphore|spawn|syslog|termios|ucontext|unistd|utime|wordexp)\.h$/
}

function exists(path,    line, result) {
  if (!(path in seen_file)) {
    result = (getline line < path)
    close(path)
    seen_file[path] = result >= 0
  }
  return seen_file[path]
}

# "room/x.h": a contract in include/, or a header of the own room in src/.
function check_own(header,    target) {
  if (header !~ /\//)
    return # beside the source
  target = header
  sub(/\/.*/, "", target)
  if (!(target in room_known)) {
    if (kind != "tests")
      report("\"" header "\": no such room in tools/rooms")
    return
  }
  if (!exists("include/" header) && target != room)
    report("\"" header "\" is no contract of " target ": headers in src are for their own room")
  if (kind != "tests" && !((room, target) in room_sees))
    report(room " may not include " target " (tools/rooms)")
}

function check_foreign(header) {
  if (is_system(header) || kind == "tests")
    return
  if (!in_list(header, everything))
    report("<" header ">: a foreign header that tools/rooms does not know")
  else if (!in_list(header, foreign[room]))
    report(room " may not include <" header "> (tools/rooms)")
}

# The line without comments, strings and characters; `inside` carries a comment over lines.
function strip(line,    out, i, c, two, quote) {
  out = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    two = substr(line, i, 2)
    if (inside) {
      if (two == "*/") {
        inside = 0
        i++
      }
    } else if (two == "/*") {
      inside = 1
      i++
    } else if (two == "//")
      break
    else if (c == "\"" || c == "'") {
      quote = c
      out = out quote
      for (i++; i <= length(line) && substr(line, i, 1) != quote; i++)
        if (substr(line, i, 1) == "\\")
          i++
      out = out quote
    } else
      out = out c
  }
  return out
}

function word(pattern) {
  return code ~ ("(^|[^A-Za-z0-9_])" pattern)
}

function check_words() {
  if (word("assert[ ]*\\("))
    report("assert: use REQUIRE, CHECK or a Status")
  if (word("(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok)[ ]*\\(") || (kind != "tests" && word("(atoi|atol|atoll|atof)[ ]*\\(")))
    report("unbounded or unchecked string function: see base/text.h")
  if (word("s?rand(om)?[ ]*\\("))
    report("a random number that is \"next\": see base/random.h")
  if (code ~ /^[ ]*#[ ]*pragma[ ]+once/)
    report("#pragma once: we use guards")
  if (kind == "tests")
    return
  if (word("(system|popen)[ ]*\\("))
    report("a shell is never asked")
  if (word("exit[ ]*\\(") && room != "cli" && room != "base")
    report("exit: return a Status")
  if (room != "comm" && room != "base" && (code ~ /(^|[^.>A-Za-z0-9_]|comm->|comm\.)rank[ ]*(==|!=)[ ]*0/ || code ~ /!([a-z]+->)*(comm->|comm\.)?rank[^s_a-z(]/))
    report("nobody asks who is rank 0: comm_agree(comm, comm_is_root(comm) ? … : STATUS_OK)")
  if (word("P?MPIX?_[A-Z]") && !in_list("mpi.h", foreign[room]))
    report("MPI is seen by comm, spectral and checkpoint only")
  if (word("MPI_(Init|Finalize|Init_thread|Abort)[^a-z_]") && room != "comm")
    report("MPI begins and ends in comm")
  if ($0 ~ /"\/(tmp|var|dev\/shm|etc)\//)
    report("a path of the system as a constant")
}

# State that outlives a call is passed by hand, except in the log and the like. `explained`: the line above is a comment.
function check_state() {
  if (kind == "tests" || room == "base" || explained || $0 ~ /;[ ]*\/\/ / || word("_Thread_local[^A-Za-z0-9_]") || code ~ /^(typedef|struct|enum|union|return|extern|goto|_Static_assert)[^A-Za-z0-9_]/ || word("const[^A-Za-z0-9_]"))
    return
  if (code ~ /^[ ]*static [^(]*[;=]/ || code ~ /^[A-Za-z_][A-Za-z0-9_ *]* [*]*[A-Za-z_0-9]+(\[[^]]*\])*( =.*)?;/)
    report("mutable global: pass it, or say why in a comment above it")
}

function check_macro(    name) {
  if (!explained && kind != "tests" && match(code, /^[ ]*#[ ]*define[ ]+[A-Za-z0-9_]+\(/)) {
    name = substr(code, RSTART, RLENGTH)
    gsub(/.*[ ]|\(/, "", name)
    if (name !~ /^(TRY|REQUIRE|CHECK)$/ && room != "kernels") # kernels may stamp out the same loop for many functions
      report("macro " name ": TRY, REQUIRE and CHECK are the only ones; write a function, or say why in a comment above it")
  }
}

# A header without a guard is a body that others include on purpose, and says so in its first comment.
function check_guard(    want) {
  want = FILENAME
  sub(/^(include|src|tests)\//, "", want)
  gsub(/[^A-Za-z0-9]/, "_", want)
  want = toupper(want)
  unguarded = guard == ""
  if (!allowed && !unguarded && guard != want && kind != "tests" && !(kind == "src" && guard == substr(want, 1, length(want) - 1) "INTERNAL_H"))
    print FILENAME ":1: guard " guard ", should be " want
  if (unguarded && kind != "tests")
    wanted_guard = want
}

function finish() {
  if (wanted_guard != "")
    print FILENAME_before ":1: guard missing, should be " wanted_guard
  if (lines > 600)
    print FILENAME_before ":" lines ": longer than 600 lines; about 400 is the guide"
}

FNR == 1 {
  if (lines)
    finish()
  lines = inside = explained = 0
  guard = wanted_guard = ""
  is_table = FILENAME ~ /rooms$/
  split(FILENAME, folder, "/")
  kind = folder[1]
  room = folder[2]
  if (!is_table && kind != "tests" && !(room in room_known))
    print FILENAME ":1: no room " room " in tools/rooms"
}

is_table {
  read_table()
  next
}

{
  lines = FNR
  FILENAME_before = FILENAME
  allowed = $0 ~ /lint: allow/
  if (FNR == 1 && FILENAME ~ /\.h$/) {
    guard = $1 == "#ifndef" ? $2 : ""
    check_guard()
  }
  if (wanted_guard != "" && /^\/\/.*[Ii]nclud(ed by|ing file)/)
    wanted_guard = ""
  if (FNR == 1 && kind == "tests" && FILENAME ~ /\.c$/ && $0 !~ /^\/\/\/? [A-Za-z0-9]/)
    report("a test begins with one sentence")
  if (!inside && match($0, /^[ ]*#[ ]*include[ ]+["<][^">]*/)) {
    header = substr($0, RSTART, RLENGTH)
    sub(/^[ ]*#[ ]*include[ ]+/, "", header)
    if (substr(header, 1, 1) == "<")
      check_foreign(substr(header, 2))
    else
      check_own(substr(header, 2))
    next
  }
  code = strip($0)
  check_words()
  check_state()
  check_macro()
  explained = $0 ~ /^[ ]*\/\//
}

END {
  if (lines)
    finish()
}
