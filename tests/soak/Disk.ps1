# A disk that is full, and a limit on the size of files: a clear error, everything older intact to the byte, and the session goes on.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
Set-Content $Folder/write.ps1 @"
    param([string] `$Folder, [string] `$How, [string] `$Address)
    . '$PSScriptRoot/Common.ps1'
    . '$PSScriptRoot/Writers.ps1'
"@
$counts = foreach ($how in 'full', 'limited') {
    $disk = (New-Item "$Folder/$how" -ItemType Directory).FullName
    $needs = $how -eq 'full' ? 'mount' : 'prlimit'
    if (!$IsLinux -or !(Get-Command $needs -CommandType Application -ErrorAction Ignore) -or ($how -eq 'full' -and (id -u) -ne 0)) {
        "$how skipped (needs Linux with $needs$($how -eq 'full' ? ', and root' : ''))"
        continue
    }
    if ($how -eq 'full') {
        mount -t tmpfs -o size=64m soak $disk
        if ($LASTEXITCODE) { 'full skipped (no file system can be mounted)'; continue }
    }
    # Half an archive that is never complete.
    $server, $address = Start-Server { $args[0].Close([byte[]]::new(60MB), $true) }
    try {
        $arguments = $disk, $how, $address
        $ended = Wait-Shell (Start-Shell $Folder/write.ps1 $arguments @{ XDG_CACHE_HOME = "$disk/cache"; CIFAR10PS_DATA = '' })
    } finally {
        $server.Close()
        if ($how -eq 'full') { umount $disk }
    }
    $ended.Lines | Where-Object { $_ -like 'FAILED*' } | ForEach-Object { $_ -replace '^FAILED: ', "FAILED: disk $how, " }
    if ($ended.ExitCode) {
        Write-Failure "disk $how`: the process ended with exit code $($ended.ExitCode), after '$($ended.Lines[-1])'. $($ended.Errors)"
    }
    "$($how): $(@($ended.Lines -like 'passed*').Count) of $(@($ended.Lines -like 'writes*').Count) writers"
}
$counts | Where-Object { $_ -like 'FAILED*' }
($counts | Where-Object { $_ -notlike 'FAILED*' }) -join ', '
