# Wherever the module runs, it works or says what it needs; and what it writes has the same bytes everywhere.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
if (!$IsLinux) { 'skipped (needs Linux)'; return }
Set-Content $Folder/use.ps1 @"
    param([string] `$Path)
    . '$PSScriptRoot/Common.ps1'
    Import-Module '$modulePath'
    `$WarningPreference = 'Ignore'
    `$data = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32
    `$model = New-ResNet20 -Shortcut ProjectionOnly -Seed 1
    `$options = @{ Recipe = 'Original'; Epochs = 2; BatchSize = 32; LearningRate = 0.00125; OutputDirectory = "`$Path/run" }
    `$reports = `$data | Start-ModelTraining `$model @options | ForEach-Object {
        if (`$env:FAKETIME_TIMESTAMP_FILE) { Set-Content `$env:FAKETIME_TIMESTAMP_FILE '-2d' }
        `$_
    }
    foreach (`$name in 'model.pth', 'model.npz', 'model.onnx') { `$model | Export-Model `$Path/`$name }
    `$read = Import-Model `$Path/run/model.safetensors
    `$read | Export-ModelGraph `$Path/graph.dot
    `$data.Test[0..3] | Export-Image `$Path/pictures
    `$guesses = Get-ChildItem `$Path/pictures -Recurse -File | Sort-Object FullName | Invoke-Inference `$read
    [IO.File]::WriteAllText("`$Path/guesses", (`$guesses.Logits.ForEach{ `$_.ToString('R', `$invariant) } -join ' '))
    [IO.File]::WriteAllText("`$Path/log", (Get-Log `$Path/run/log))
    Remove-Item `$Path/run -Recurse -Include log, run.jsonl, checkpoint-*
    # What is shown is in the user's culture, and must not fail there.
    `$null = `$reports, (`$data | Measure-Model `$read), (Get-TrainingRun `$Path/run -ErrorAction Ignore) | Out-String
    [IO.File]::WriteAllText("`$Path.culture", "`$([cultureinfo]::CurrentCulture)")
"@
$readOnly = (New-Item $Folder/home -ItemType Directory).FullName
$full = (New-Item $Folder/full -ItemType Directory).FullName
$cache = @{ XDG_CACHE_HOME = ''; XDG_CONFIG_HOME = ''; XDG_DATA_HOME = '' }
$isRoot = (id -u) -eq 0
# Root may write anywhere, so that is given up.
$unprivileged = $isRoot ? @('setpriv', '--bounding-set=-dac_override,-dac_read_search') : @()
chmod a-w $readOnly
# libfaketime, whose time of day jumps from a day in the future to the day before yesterday, after the first epoch.
$faketime = "$(Get-ChildItem /usr/lib -Recurse -Filter libfaketimeMT.so.1 -ErrorAction Ignore | Select-Object -First 1)"
Set-Content ($clock = "$Folder/clock") '+1d'
# A control group with 1 GB of memory, of either version; not every machine lets a script make one.
$group = foreach ($limit in '/sys/fs/cgroup/memory/soak/memory.limit_in_bytes', '/sys/fs/cgroup/soak/memory.max') {
    try {
        $created = (New-Item (Split-Path $limit) -ItemType Directory -Force).FullName
        if (Test-Path $limit) { [IO.File]::WriteAllText($limit, "$(1GB)"); $created; break }
        [IO.Directory]::Delete($created)
    } catch { }
}
$cases = [ordered]@{
    'nothing unusual' = @{}
    'read-only home' = @{ Launcher = $unprivileged; Environment = @{ HOME = $readOnly } + $cache }
    'no HOME' = @{ Environment = @{ HOME = '' } + $cache }
    'missing temp folder' = @{ Environment = @{ TMPDIR = "$Folder/missing" } }
    'full temp folder' = @{ Environment = @{ TMPDIR = $full }; NeedsMount = $true }
    'one core' = @{ Launcher = 'taskset', '-c', '0' }
    '1 GB of memory' = @{
        Launcher = 'bash', '-c', "echo `$`$ > $group/cgroup.procs; exec `"`$@`"", 'limit'
        IsMissing = !$group
    }
    # .NET's own limit: what libtorch takes is not counted by it.
    '1 GB of managed heap' = @{ Environment = @{ DOTNET_GCHeapHardLimit = '0x40000000' } }
    'a clock that is set back' = @{
        Environment = @{ LD_PRELOAD = $faketime; FAKETIME_TIMESTAMP_FILE = $clock; FAKETIME_NO_CACHE = '1'; DONT_FAKE_MONOTONIC = '1' }
        IsMissing = !$faketime
    }
    'de-DE' = @{ Environment = @{ LC_ALL = 'de_DE.UTF-8' } }
    'tr-TR' = @{ Environment = @{ LC_ALL = 'tr_TR.UTF-8' } }
    'ar-SA' = @{ Environment = @{ LC_ALL = 'ar_SA.UTF-8' } }
    'fa-IR' = @{ Environment = @{ LC_ALL = 'fa_IR.UTF-8' } }
}
# The fewest handles that this PowerShell starts with, and a few above it.
$fewest = 64, 96, 128, 192, 256 | Where-Object {
    Set-Content $Folder/nothing.ps1 '1'
    !(Wait-Shell (Start-Shell $Folder/nothing.ps1 @() @{} 'bash', '-c', "ulimit -n $_; exec `"`$@`"", 'limit')).ExitCode
} | Select-Object -First 1
foreach ($more in 0, 16, 64) {
    $count = $fewest + $more
    $cases["$count handles"] = @{ Launcher = 'bash', '-c', "ulimit -n $count; exec `"`$@`"", 'limit'; MayRefuse = $true }
}

$expected, $works, $refused, $skipped = $null, 0, @(), @()
foreach ($name in $cases.Keys) {
    $case, $path = $cases[$name], (New-Item "$Folder/out" -ItemType Directory).FullName
    $launcher, $environment = @($case.Launcher | Where-Object { $_ }), ($case.Environment ?? @{})
    $program = $launcher ? $launcher[0] : 'env'
    $mounted = $false
    if ($case.NeedsMount -and $isRoot -and (Get-Command mount -ErrorAction Ignore)) {
        mount -t tmpfs -o size=64k soak $full
        $mounted = !$LASTEXITCODE
        try { [IO.File]::WriteAllBytes("$full/filler", [byte[]]::new(64KB)) } catch [IO.IOException] { }
    }
    try {
        if ($case.IsMissing -or !(Get-Command $program -CommandType Application -ErrorAction Ignore) -or ($case.NeedsMount -and !$mounted)) {
            $skipped += $name
            continue
        }
        $ended = Wait-Shell (Start-Shell $Folder/use.ps1 $path $environment $launcher)
        # PowerShell says this of its drive Temp:.
        $errors = $ended.Errors -replace 'The specified drive root .* does not exist, or it is not a folder\.'
        $text = "$errors $($ended.Lines)"
        if ($ended.ExitCode -eq 1 -and $case.MayRefuse -and $errors -match '\w') {
            $refused += "$name ($($text -replace '\s+', ' '))"
            continue
        }
        if ($ended.ExitCode -or $errors.Trim()) { Write-Failure "$name`: ended with exit code $($ended.ExitCode). $text"; continue }
        if ($name -match '^\w\w-\w\w$' -and (Get-Content "$path.culture") -ne $name) { $skipped += "$name (unknown here)"; continue }
        $state = (Get-ChildItem $path -Recurse -File | Sort-Object FullName |
            ForEach-Object { "$($_.Name) $(Get-Hash $_.FullName)" }) -join "`n"
        $expected ??= $state
        if ($state -eq $expected) { $works++ }
        else { Write-Failure "$name`: other files: $(Compare-Object ($expected -split "`n") ($state -split "`n") | Out-String)" }
    } finally {
        if ($mounted) { umount $full }
        Remove-Item $path -Recurse -Force
    }
}
chmod u+w $readOnly
if ($group) { [IO.Directory]::Delete($group) }
"$works of $($cases.Count) surroundings give the same files; refused: $($refused ? $refused -join '; ' : 'none')" +
    "; skipped: $($skipped ? $skipped -join ', ' : 'none')"
