# A bit that flips in a file is noticed, or changes nothing that is read.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
Import-Module $modulePath
$WarningPreference = 'Ignore'
$random, $clock = [Random]::new($Seed), [Diagnostics.Stopwatch]::StartNew()
$data = Get-Cifar10 -Synthetic -TrainCount 32 -TestCount 16
$small = New-Network -Classes $data.Classes -ImageSize 32 -Layers $tiny
$run = "$Folder/run"
$null = $data | Start-ModelTraining $small -Epochs 3 -BatchSize 16 -OutputDirectory $run -KeepCheckpoints 2
# What a file is to give, as the hash of a model or as a history.
$saved = "$Folder/saved.safetensors"
$reading = { (Get-TrainingHistory $args[0] -WarningVariable warnings | ForEach-Object ToString) -join "`n"; $script:warning = "$warnings" }
$importing = { Import-Model -LiteralPath $args[0] | Save-Model $saved -Force; Get-Hash $saved }

$small | Save-Model $Folder/model.safetensors
$small | Export-Model $Folder/model.pth
$small | Export-Model $Folder/model.onnx
$small | Export-Model $Folder/whole.onnx -IncludePreprocessing
New-ResNet20 -Shortcut ProjectionOnly -Seed 1 | Export-Model $Folder/model.npz
$latest, $before = "$run/checkpoint-latest.safetensors", "$run/checkpoint-epoch-0002.safetensors"
# Those of the last epoch, so that what is used instead is older.
Remove-Item $run/checkpoint-epoch-0003.safetensors, $run/checkpoint-best.safetensors
$targets = @(
    foreach ($name in 'model.safetensors', 'model.pth', 'model.npz', 'model.onnx', 'whole.onnx') {
        @{ File = "$Folder/$name"; Read = $importing }
    }
    @{ File = $latest; Read = $importing }
    @{ File = $latest; Read = $reading }
    @{ File = $latest; Read = { & $reading $run }; FallsBack = $true }
    # Of a run, it is for the reader; a log alone is JSON of Chainer's form, which has no room for a hash.
    @{ File = "$run/log"; Read = { & $reading $run } }
    # With the real data set: files of the user's cache, which no server can repair now.
    if ($env:CIFAR10PS_DATA) {
        $cached = (New-Item $Folder/Cifar10Ps/cifar-10-batches-bin -ItemType Directory).FullName
        Copy-Item $env:CIFAR10PS_DATA/*.bin $cached
        $server, $address = Start-Server { $args[0].StatusCode = 404; $args[0].Close() }
        $env:XDG_CACHE_HOME, $env:CIFAR10PS_DATA = $Folder, ''
        $loading = { $null = Get-Cifar10 -Uri $address; Get-Hash $args[0] }
        foreach ($name in 'data_batch_3.bin', 'test_batch.bin') { @{ File = "$cached/$name"; Read = $loading } }
    }
)
foreach ($target in $targets) {
    $target.Content, $target.Result, $target.Noticed, $target.Harmless =
        [IO.File]::ReadAllBytes($target.File), (& $target.Read $target.File), 0, 0
    # Twice the same, so that a difference is the flip's.
    if ((& $target.Read $target.File) -ne $target.Result) { Write-Failure "$($target.File) does not give the same when it is read again." }
}

# Each of them once at least.
$Dose = [Math]::Max($Dose, $targets.Count)
$flips = 0
while ($flips -lt $Dose -and $clock.Elapsed.TotalSeconds -lt $Seconds) {
    $target = $targets[$flips++ % $targets.Count]
    $length = $target.Content.Length
    # Every second one near the start or the end, where formats have their structure.
    $near = $random.Next([Math]::Min($length, 2000))
    $at = switch ($random.Next(4)) { 0 { $near } 1 { $length - 1 - $near } default { $random.Next($length) } }
    $bit = $random.Next(8)
    $flipped = [byte[]] $target.Content.Clone()
    $flipped[$at] = $flipped[$at] -bxor (1 -shl $bit)
    [IO.File]::WriteAllBytes($target.File, $flipped)
    $what = "$(Split-Path -Leaf $target.File) with bit $bit of byte $at flipped (flip $flips, seed $Seed)"
    $script:warning = ''
    try {
        $result = & $target.Read $target.File
        if ($target.FallsBack) {
            if ($warning.Contains($target.File) -and $warning.Contains($before)) { $target.Noticed++ }
            else { Write-Failure "$what`: the warning does not name both checkpoints: '$warning'." $target.File }
        }
        elseif ($result -eq $target.Result) { $target.Harmless++ }
        else { Write-Failure "$what is read, and gives something else." $target.File }
    } catch {
        if (Test-Declared $_) { $target.Noticed++ } else { Write-Failure "$what`: $($_.FullyQualifiedErrorId): $_" $target.File }
    }
    [IO.File]::WriteAllBytes($target.File, $target.Content)
}

if ($server) { $server.Close() }

# What the warning says is true: the run goes on from the older checkpoint to the same end, and a damaged log is written anew.
$null = $data | Start-ModelTraining -ResumeFrom $run
$end = & $importing $run/model.safetensors
$log = Get-Log $run/log
foreach ($file in $latest, "$run/log") {
    Copy-Item $Folder/model.safetensors $file
    $null = $data | Start-ModelTraining -ResumeFrom $run
    if ((& $importing $run/model.safetensors) -ne $end) { Write-Failure "a run with a damaged $file ends with another model." }
    if ((Get-Log $run/log) -ne $log) { Write-Failure "a run with a damaged $file ends with another log." }
}
$counts = $targets | ForEach-Object { "$(Split-Path -Leaf $_.File) $($_.Noticed)+$($_.Harmless)" }
"$flips of $Dose flips, noticed+harmless: $($counts -join ', ')"
