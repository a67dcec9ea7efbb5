# A session that trains, saves, imports and guesses again and again does not grow: memory, handles and threads stay.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
Import-Module $modulePath
$WarningPreference = 'Ignore'
$clock, $self = [Diagnostics.Stopwatch]::StartNew(), [Diagnostics.Process]::GetCurrentProcess()
$data = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 16

# A figure is the median of ten cycles, since a collection may come a little later.
function Get-Median([double[]] $Values) { ($Values | Sort-Object)[[int] [Math]::Floor($Values.Count / 2)] }

$measured = @{ 'memory (MB)' = @(); handles = @(); threads = @() }
# The first ten load what is loaded once; without twenty more there is nothing to compare.
$Dose = [Math]::Max($Dose, 30)
for ($cycle = 1; $cycle -le $Dose -and ($cycle -le 30 -or $clock.Elapsed.TotalSeconds -lt $Seconds); $cycle++) {
    $model = New-ResNet20 -Seed ($Seed + $cycle)
    $null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory $Folder/run -Force
    $model | Save-Model $Folder/model.safetensors -Force
    $read = Import-Model $Folder/model.safetensors
    $null = $data.Test | Invoke-Inference $read
    $null = $data.Test[0] | Invoke-Inference $read
    $model = $read = $null
    foreach ($i in 1..2) { [GC]::Collect(); [GC]::WaitForPendingFinalizers() }
    $self.Refresh()
    $measured['memory (MB)'] += $self.WorkingSet64 / 1MB
    $measured.handles += $IsLinux ? [IO.Directory]::GetFileSystemEntries('/proc/self/fd').Count : $self.HandleCount
    $measured.threads += $self.Threads.Count
}
$figures = foreach ($name in $measured.Keys | Sort-Object) {
    $first, $last = (Get-Median $measured[$name][10..19]), (Get-Median $measured[$name][-10..-1])
    # One thread of a pool more or less is no growth.
    if ($last -gt $first * 1.05 -and $last -gt $first + 1) {
        Write-Failure "$name grew from $($first.ToString('N0', $invariant)) to $($last.ToString('N0', $invariant)) in $cycle cycles: $(
            ($measured[$name] | ForEach-Object { $_.ToString('N0', $invariant) }) -join ' ')"
    }
    "$name $($first.ToString('N0', $invariant)) to $($last.ToString('N0', $invariant))"
}
"$($cycle - 1) of $Dose cycles, after the first ten: $($figures -join ', ')"
