# Becomes the agent of one run: a root file system of its own, in the namespaces `unshare` made.
# Arguments: the run's folder, a file of "ro|rw PATH" lines to show as they are, `--`, the command.
set -eu
run=$1 shown=$2
shift 3
root=$run/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 agent "$root"
cd "$root"
mkdir -p usr etc proc sys dev tmp run var/tmp root workspace acb/home acb/store acb/out outside
ln -s /run var/run
for link in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$link" ]; then ln -s "$(readlink "/$link")" "$link"
  elif [ -d "/$link" ]; then mkdir "$link"; mount --bind -o ro "/$link" "$link"; fi
done
mount --bind -o ro /usr usr
mount --bind -o ro /etc etc
mount -t proc -o nosuid,nodev,noexec proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755,nosuid dev dev
for device in null zero full random urandom tty; do
  : > "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount --bind "$run/tmp" tmp
mount --bind "$run/workspace" workspace
while read -r mode path; do
  if [ -d "$path" ]; then mkdir -p "./$path"; else mkdir -p "./$(dirname "$path")"; : >> "./$path"; fi
  mount --bind -o "$mode" "$path" "./$path"
done < "$shown"
mount --bind "$run/home" acb/home
mount --bind "$run/store" acb/store
mount --bind "$run/out" acb/out
cp "$run"/files/* acb/
: > run/docker.sock
mount --bind "$run/docker.sock" run/docker.sock
pivot_root . outside
cd /
umount -l /outside
rmdir /outside
exec "$@"
