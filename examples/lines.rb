# Counts the lines and bytes of every Rust module below /src, and then tries to escape from the sandbox.

$stdout.sync = true

files = Dir.glob("/src/**/*.rs").sort
rows = files.map do |file|
  text = File.read(file)
  [file.delete_prefix("/src/"), text.lines.size, text.bytesize]
end
rows << ["total", rows.sum { _1[1] }, rows.sum { _1[2] }]

table = rows.map { |row| format("%-28s %6d lines %8d bytes", *row) }
puts "Ruby #{RUBY_VERSION} on #{RUBY_PLATFORM}, in a capwasi sandbox", "", table, ""
File.write("/out/lines.txt", table.join("\n") + "\n")
puts "Written to /out/lines.txt, #{File.size("/out/lines.txt")} bytes.", ""

{
  "an absolute path" => "/etc/passwd",
  "a path with .." => "/src/../../../../../../../../etc/passwd",
  "a link to the outside" => "/out/escape",
}.each do |attempt, path|
  File.read(path)
  abort "Escaped by #{attempt}: #{path}"
rescue SystemCallError => error
  puts "Refused: #{attempt}, #{path} (#{error.class})"
end
